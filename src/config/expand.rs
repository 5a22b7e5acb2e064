//! `${NAME}` in values, replaced from the environment.
//!
//! Called by `load` before the structure is checked. What must stay true: nothing below `steps` of a pipeline changes,
//! because there `$` belongs to the shell; keys never change; an expanded value is never part of a message.

use super::env::Env;
use super::nearest;
use super::problem::{About, Report};
use super::tree::{Node, Value};

/// Expands every value of the tree. A value that cannot be expanded becomes [`Value::Unreadable`] and is reported.
pub(super) fn expand(root: &mut Node, env: &Env, report: &mut Report<'_>) {
    walk(root, &mut Vec::new(), env, report);
}

fn walk(node: &mut Node, path: &mut Vec<String>, env: &Env, report: &mut Report<'_>) {
    if matches!(path.as_slice(), [section, _, key, ..] if section == "pipelines" && key == "steps") {
        return;
    }
    match &mut node.value {
        Value::Section(entries) => {
            for entry in entries {
                path.push(entry.key.clone());
                walk(&mut entry.node, path, env, report);
                path.pop();
            }
        }
        Value::List(nodes) => nodes.iter_mut().for_each(|node| walk(node, path, env, report)),
        Value::Text(text) if text.written.contains("${") => match expanded(&text.written, env) {
            Ok(value) => text.expanded = Some(value),
            Err(message) => {
                report.error(&about(path), node.span, message);
                node.value = Value::Unreadable;
            }
        },
        _ => {}
    }
}

/// A secret that is not set is its own affair: nothing else in the file depends on it.
fn about(path: &[String]) -> About {
    match path {
        [section, name, ..] if section == "secrets" => About::Secret(name.clone()),
        _ => About::path(path),
    }
}

/// The text with every `${NAME}` replaced; `$${` stands for a plain `${`.
fn expanded(text: &str, env: &Env) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        let inside = &reference[2..];
        if let Some(literal) = before.strip_suffix('$') {
            out.push_str(literal);
            out.push_str("${");
            rest = inside;
            continue;
        }
        out.push_str(before);
        let end = inside.find('}').ok_or("`${` without a closing `}`; write `$${` for a plain `${`")?;
        let name = &inside[..end];
        if !is_name(name) {
            return Err(
                "only `${NAME}` is understood, with letters, digits and `_`; write `$${` for a plain `${`".into()
            );
        }
        out.push_str(env.get(name).ok_or_else(|| not_set(name, env))?);
        rest = &inside[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn not_set(name: &str, env: &Env) -> String {
    let near = nearest::nearest(name, env.names()).map(|near| format!("; did you mean `{near}`?"));
    format!("environment variable `{name}` is not set{}", near.unwrap_or_default())
}

fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && name.starts_with(|c: char| !c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_other_dollars_stay() {
        let env: Env = [("A", "1"), ("B_2", ""), ("C", "${A}")].into_iter().collect();
        for (text, meant) in [
            ("${A}", "1"),
            ("x${A}y${B_2}z", "x1yz"),
            ("$A $ $$", "$A $ $$"),
            ("${C}", "${A}"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
        ] {
            assert_eq!(expanded(text, &env), Ok(meant.to_owned()), "{text}");
        }
        assert_eq!(expanded("${AA}", &env), Err("environment variable `AA` is not set; did you mean `A`?".into()));
        for text in ["${", "${A", "${A:-x}", "${}", "${1A}"] {
            assert!(expanded(text, &env).is_err(), "{text}");
        }
    }
}
