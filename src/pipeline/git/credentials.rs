//! How the token reaches git: a helper of one line, and the environment of the one call.
//!
//! Who calls: `remote`. What must stay true: the helper answers for one scheme, host and port and is silent otherwise;
//! its text is the same for every token and holds none.

/// The helper. Git starts it through the shell, with what it wants to do as an argument and the address on standard
/// input. That the address is compared here again is for a git that matches hosts more generously than we read.
pub(super) const HELPER: &str = "!f() { test \"$1\" = get || exit 0; p= h=; \
    while IFS='=' read -r k v && test -n \"$k\"; do case \"$k\" in protocol) p=$v ;; host) h=$v ;; esac; done; \
    test \"$p://$h\" = \"$AGENTSMITH_GIT_ORIGIN\" || exit 0; \
    printf 'username=%s\\npassword=%s\\n' \"$AGENTSMITH_GIT_USER\" \"$AGENTSMITH_GIT_TOKEN\"; }; f";

/// Where the helper finds the origin that it answers for, the account and the token.
pub(super) const ORIGIN: &str = "AGENTSMITH_GIT_ORIGIN";
/// See [`ORIGIN`].
pub(super) const USER: &str = "AGENTSMITH_GIT_USER";
/// See [`ORIGIN`].
pub(super) const TOKEN: &str = "AGENTSMITH_GIT_TOKEN";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    fn asked(what: &str, input: &str) -> String {
        let mut helper = Command::new("sh")
            .args(["-c", &format!("{} {what}", HELPER.trim_start_matches('!'))])
            .envs([(ORIGIN, "https://git.example.org:8443"), (USER, "smith"), (TOKEN, "t0k=en 'x' $HOME")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The helper may have ended without reading.
        let _ = helper.stdin.take().unwrap().write_all(input.as_bytes());
        String::from_utf8(helper.wait_with_output().unwrap().stdout).unwrap()
    }

    #[test]
    fn it_answers_for_its_own_origin_alone() {
        let own = "protocol=https\nhost=git.example.org:8443\nwwwauth[]=Basic realm=\"x\"\n\n";
        assert_eq!(asked("get", own), "username=smith\npassword=t0k=en 'x' $HOME\n");
        assert_eq!(asked("get", "protocol=https\nhost=git.example.org:8443\npath=a=b\n"), asked("get", own));
        for other in ["git.example.org", "git.example.org:443", "evil.org", "git.example.org:8443.evil.org", ""] {
            assert_eq!(asked("get", &format!("protocol=https\nhost={other}\n\n")), "", "{other}");
        }
        assert_eq!(asked("get", "protocol=http\nhost=git.example.org:8443\n\n"), "");
        assert_eq!(asked("store", own), "");
        assert_eq!(asked("erase", own), "");
    }
}
