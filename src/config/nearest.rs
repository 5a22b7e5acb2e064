//! "Did you mean": the known name nearest to one that is not known.
//!
//! Called by the checks, and by `cli` for names on the command line. What must stay true: a suggestion is a plausible slip, else there is none.

use std::fmt::Write;

/// Names listed when none is near; more would be noise.
const MAX_LISTED: usize = 12;

/// The known name of which `name` is a slip of the pen: at most a third of the letters differ.
pub(super) fn slip<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let distance = |known: &str| {
        let distance = strsim::damerau_levenshtein(&wanted, &known.to_lowercase());
        let limit = (wanted.chars().count().max(known.chars().count()) / 3).max(1);
        (distance <= limit).then_some(distance)
    };
    let near = known.into_iter().filter_map(|known| Some((distance(known)?, known)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// The known name that `name` is most likely meant to be: a slip, or a part of it (`interval`, `interval_seconds`).
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    let wanted = name.to_lowercase();
    let is_part = |known: &&str| {
        let known = known.to_lowercase();
        // Four letters: shorter parts are in everything.
        wanted.len() >= 4 && known.len() >= 4 && (known.contains(&wanted) || wanted.contains(&known))
    };
    slip(name, known.iter().copied()).or_else(|| known.iter().copied().find(is_part))
}

/// `; did you mean …?`, or else a list of what there is.
pub fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return format!("; did you mean `{near}`?");
    }
    let mut text = String::from("; known here: ");
    for (index, name) in known.iter().take(MAX_LISTED).enumerate() {
        let _ = write!(text, "{}`{name}`", if index == 0 { "" } else { ", " });
    }
    if known.len() > MAX_LISTED {
        text.push_str(" …");
    }
    if known.is_empty() { String::new() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["interval_seconds", "enabled", "jitter_percent"];
        assert_eq!(nearest("intervall_seconds", known), Some("interval_seconds"));
        assert_eq!(nearest("interval", known), Some("interval_seconds"));
        assert_eq!(nearest("Enabled", known), Some("enabled"));
        assert_eq!(nearest("enalbed", known), Some("enabled"));
        assert_eq!((slip("interval", known), slip("enalbed", known)), (None, Some("enabled")));
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(hint("zebra", ["a", "b"]), "; known here: `a`, `b`");
    }
}
