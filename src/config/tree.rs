//! The file as a tree that knows where each key and each value stands.
//!
//! Called by `load`, read by the structure check, the expansion and the semantic checks. What must stay true: equal
//! keys are all kept (the check reports them), order is the file's, and no file makes the parser use more than the
//! bounds below.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::DuplicateKeyPolicy;
use serde_yaml::{Location, Options, Spanned};

/// Levels of nesting. The deepest legal value is at level 5; 32 leaves room and keeps recursion shallow.
const MAX_DEPTH: usize = 32;
/// Keys, values, lists and sections. A project takes about 40, so this is beyond two thousand projects.
const MAX_NODES: usize = 100_000;
/// Parts of these that may come through aliases. They cost the writer nothing, so they get less.
const MAX_REPLAYED: usize = 20_000;
/// Anchors, aliases and merges: more than any file written by a person, fewer than a bomb needs.
const MAX_ALIASES: usize = 1_000;
/// Aliases inside aliases. People write one level.
const MAX_ALIAS_DEPTH: usize = 8;

/// Where something stands: line and column from 1, length in characters. Line 0 means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) len: u32,
}

impl Span {
    /// The first character of the file.
    pub(super) const START: Self = Self { line: 1, column: 1, len: 1 };

    /// This span, or `other` when this one is unknown.
    pub(super) fn or(self, other: Self) -> Self {
        if self.line == 0 { other } else { self }
    }
}

impl From<Location> for Span {
    fn from(location: Location) -> Self {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            line: small(location.line()),
            column: small(location.column()),
            len: small(location.span().len()).max(1),
        }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(Text),
    /// A reference to the environment that could not be followed; already reported.
    Unreadable,
    List(Vec<Node>),
    Section(Vec<Entry>),
}

/// Text as written and, after the expansion, as meant.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) written: String,
    /// `None` while nothing had to be expanded. May be a secret: never shown.
    pub(super) expanded: Option<String>,
}

impl Text {
    /// What the text means.
    pub(super) fn meant(&self) -> &str {
        self.expanded.as_deref().unwrap_or(&self.written)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.written, if self.expanded.is_some() { " (expanded)" } else { "" })
    }
}

/// One key of a section and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

impl Node {
    /// The entries, when this is a section.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Section(entries) => entries,
            _ => &[],
        }
    }

    /// The first entry with this key, when this is a section.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }
}

/// Why there is no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotYaml {
    pub(super) span: Span,
    pub(super) message: String,
}

/// Parses the text of a file.
///
/// # Errors
/// The first place where the text is not YAML, or is YAML beyond the bounds of this file.
pub(super) fn parse(text: &str) -> Result<Node, NotYaml> {
    let parsed: Result<Spanned<Value>, _> = serde_yaml::from_str_with_options(text, options());
    match parsed {
        Ok(spanned) => Ok(node(spanned)),
        Err(error) => {
            let span = error.location().map_or(Span::START, Span::from).or(Span::START);
            Err(NotYaml { span, message: in_our_words(&error.without_snippet().to_string()) })
        }
    }
}

/// The parser's message without the place, which is shown before it; in our words where the parser speaks of Rust.
fn in_our_words(message: &str) -> String {
    let plain = message.split(" at line ").next().unwrap_or(message);
    let starts = |words: &[&str]| words.iter().any(|word| plain.starts_with(word));
    if starts(&["budget breached: Documents"]) {
        "a second document begins here: the file is one YAML document".into()
    } else if starts(&["recursion limit", "budget breached: Depth"]) || plain.contains("nesting") {
        format!("nested too deeply: more than {MAX_DEPTH} levels")
    } else if starts(&["budget breached", "alias"]) && !plain.contains("unknown anchor") {
        format!(
            "too big: more than {MAX_NODES} values, {MAX_REPLAYED} of them through aliases, or {MAX_ALIASES} aliases"
        )
    } else if starts(&["cannot deserialize null into string", "expected string scalar"]) {
        "a key must be text".into()
    } else if starts(&["recursive references"]) {
        "an alias may not contain itself".into()
    } else {
        plain.to_owned()
    }
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_merge_keys: MAX_ALIASES,
            max_recorded_anchor_events: MAX_REPLAYED,
            max_documents: 1,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
            max_replay_stack_depth: MAX_ALIAS_DEPTH,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
    }
}

fn node(spanned: Spanned<Value>) -> Node {
    Node { span: Span::from(spanned.defined), value: spanned.value }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Integer(i128::try_from(value).unwrap_or(i128::MAX)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(Text { written: value.to_owned(), expanded: None }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(item) = list.next_element::<Spanned<Value>>()? {
            nodes.push(node(item));
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let key_span = Span::from(key.defined);
            let mut node = node(map.next_value::<Spanned<Value>>()?);
            if matches!(node.value, Value::Null) {
                // A value that is not there has no place of its own: the parser names that of the next token.
                node.span = key_span;
            }
            node.span = node.span.or(key_span);
            entries.push(Entry { key: key.value, key_span, node });
        }
        Ok(Value::Section(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> (u32, u32, String) {
        let NotYaml { span, message } = parse(text).expect_err(text);
        (span.line, span.column, message)
    }

    #[test]
    fn keys_and_values_know_their_places() {
        let root = parse("a: 1\nb:\n  - x\n  - {ä: d, e: }\na: 2\n").expect("yaml");
        let keys: Vec<_> = root.entries().iter().map(|entry| (entry.key.as_str(), entry.key_span.line)).collect();
        assert_eq!(keys, [("a", 1), ("b", 2), ("a", 5)]);
        let Value::List(items) = &root.entries()[1].node.value else { panic!("a list") };
        assert_eq!(items[0].span, Span { line: 3, column: 5, len: 1 });
        let empty = items[1].entry("e").expect("e");
        assert_eq!((empty.node.span, &empty.node.value), (Span { line: 4, column: 12, len: 1 }, &Value::Null));
    }

    #[test]
    fn merges_and_aliases_point_at_what_was_written() {
        let root = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n").expect("yaml");
        let merged = &root.entry("use").expect("use").node;
        assert_eq!(
            merged.entry("y").map(|entry| (&entry.node.value, entry.node.span.line)),
            Some((&Value::Integer(3), 4))
        );
        assert_eq!(
            merged.entry("x").map(|entry| (&entry.node.value, entry.node.span.line)),
            Some((&Value::Integer(1), 1))
        );
    }

    #[test]
    fn what_is_not_yaml_is_named_with_its_place() {
        for (text, line, column, fragment) in [
            ("a: [1, 2\n", 1, 4, "unclosed bracket"),
            ("a: \"x\n", 1, 4, "unclosed quote"),
            ("a: b: c\n", 1, 5, "mapping values are not allowed"),
            ("a: *nope\n", 1, 4, "unknown anchor"),
            ("a: &x [*x]\n", 1, 8, "contain itself"),
            ("a: b\n---\nc: d\n", 2, 1, "second document"),
            ("~: c\n", 1, 1, "key must be text"),
            ("? [a, b]\n: c\n", 1, 3, "key must be text"),
        ] {
            let (at_line, at_column, message) = broken(text);
            assert_eq!((at_line, at_column), (line, column), "{text}");
            assert!(message.contains(fragment) && !message.contains(" at line "), "{text}: {message}");
        }
    }

    #[test]
    fn bombs_are_refused_by_their_size() {
        let nested = |fan: usize, levels: usize| {
            let leaf = vec!["x"; fan].join(",");
            let mut text = format!("a0: &a0 [{leaf}]\n");
            for level in 1..levels {
                let uses = vec![format!("*a{}", level - 1); fan].join(",");
                text.push_str(&format!("a{level}: &a{level} [{uses}]\n"));
            }
            text
        };
        let flow = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
        let block: String = (0..3_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        let long = format!("a: [{}]\n", "x,".repeat(MAX_NODES));
        let merges = "b: &b {x: 1}\n".to_owned()
            + &(0..2 * MAX_ALIASES).map(|i| format!("k{i}: {{<<: *b}}\n")).collect::<String>();
        for (name, text) in [
            ("wide", nested(10, 9)),
            ("binary", nested(2, 40)),
            ("flow", flow),
            ("block", block),
            ("long", long),
            ("merges", merges),
        ] {
            let (_, _, message) = broken(&text);
            assert!(message.contains("more than"), "{name}: {message}");
        }
    }
}
