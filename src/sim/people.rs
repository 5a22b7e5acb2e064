//! Numbers for people: platforms tell accounts apart by one, the board by their logins.

/// First number, so that none is taken for a ticket's.
const FIRST: u64 = 1_000_000;

/// The number of a login, the same whenever it is asked for; two logins hardly ever share one.
pub(super) fn number_of(login: &str) -> u64 {
    // FNV-1a, 32 bits: with the few hundred logins of a board two equal ones are one in a hundred thousand boards.
    let hash = login.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    FIRST + u64::from(hash)
}
