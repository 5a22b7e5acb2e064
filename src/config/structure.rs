//! Checks a tree against the JSON Schema and turns it into a JSON value.
//!
//! Called by `load`. Knows JSON Schema as far as `raw` uses it and nothing of our keys. What must stay true: every
//! mistake is reported, not the first; what is wrong is left out of the value, so that the checks after this one see
//! the rest; and the value has the file's order.

use serde_json::{Map, Value as Json};

use super::nearest;
use super::problem::{About, Report};
use super::source::sounds_secret;
use super::tree::{Entry, Node, Span, Text, Value};

/// Reports every difference between `root` and `schema`; returns what fits.
pub(super) fn check(root: &mut Node, schema: &Json, report: &mut Report<'_>) -> Json {
    let mut checker = Checker { root: schema, path: Vec::new(), report };
    checker.value(root, Span::START, schema).unwrap_or_default()
}

struct Checker<'r, 'a> {
    root: &'r Json,
    path: Vec<String>,
    report: &'r mut Report<'a>,
}

impl Checker<'_, '_> {
    /// `owner` is where the key of this value stands. `None`: wrong, already reported.
    fn value(&mut self, node: &mut Node, owner: Span, schema: &Json) -> Option<Json> {
        let root = self.root;
        let schema = resolve(root, schema);
        if matches!(node.value, Value::Unreadable) {
            return None;
        }
        if let Some(words) = words(schema) {
            return self.word(node, schema, &words);
        }
        let wanted = kind(schema);
        match (wanted, &mut node.value) {
            ("object", Value::Section(entries)) => Some(self.section(entries, owner, schema)),
            ("object", Value::Null) => Some(self.section(&mut [], owner, schema)),
            ("array", Value::List(items)) => self.list(items, node.span.or(owner), schema),
            ("string", Value::Text(text)) => Some(text.meant().into()),
            ("boolean", Value::Bool(value)) => Some((*value).into()),
            ("boolean", Value::Text(Text { expanded: Some(value), .. })) => match value.trim() {
                "true" => Some(true.into()),
                "false" => Some(false.into()),
                _ => self.wrong_type(node, wanted),
            },
            ("integer", Value::Integer(number)) => {
                let number = *number;
                self.number(node, number, schema)
            }
            ("integer", Value::Text(Text { expanded: Some(value), .. })) => match value.trim().parse() {
                Ok(number) => self.number(node, number, schema),
                Err(_) => self.wrong_type(node, wanted),
            },
            _ => self.wrong_type(node, wanted),
        }
    }

    fn section(&mut self, entries: &mut [Entry], owner: Span, schema: &Json) -> Json {
        let empty = Map::new();
        let known = schema.get("properties").and_then(Json::as_object).unwrap_or(&empty);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let mut out = Map::new();
        if others.is_none() {
            self.unknown_keys(entries, known);
        }
        for index in 0..entries.len() {
            let (earlier, rest) = entries.split_at_mut(index);
            let entry = &mut rest[0];
            let Some(schema) = known.get(&entry.key).or(others) else { continue };
            self.path.push(entry.key.clone());
            if let Some(first) = earlier.iter().find(|earlier| earlier.key == entry.key) {
                let line = first.key_span.line;
                self.error(entry.key_span, format!("`{}` is given twice, first in line {line}; remove one", entry.key));
            } else if let Some(value) = self.value(&mut entry.node, entry.key_span, schema) {
                out.insert(entry.key.clone(), value);
            }
            self.path.pop();
        }
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        for key in required.filter(|key| !entries.iter().any(|entry| entry.key == *key)) {
            self.error(owner, format!("`{key}` is missing{}", self.inside()));
        }
        Json::Object(out)
    }

    /// A slip of the pen is put right in the tree, unless the right key is there too, so that what stands below it is
    /// checked and the right key is not reported as missing.
    fn unknown_keys(&mut self, entries: &mut [Entry], known: &Map<String, Json>) {
        for index in 0..entries.len() {
            let key = entries[index].key.clone();
            if known.contains_key(&key) {
                continue;
            }
            let hint = nearest::hint(&key, known.keys().map(String::as_str));
            self.error(entries[index].key_span, format!("unknown key `{key}`{}{hint}", self.inside()));
            let slip = nearest::slip(&key, known.keys().map(String::as_str));
            if let Some(meant) = slip.filter(|meant| !entries.iter().any(|entry| entry.key == **meant)) {
                entries[index].key = meant.to_owned();
            }
        }
    }

    fn list(&mut self, items: &mut [Node], span: Span, schema: &Json) -> Option<Json> {
        let min = schema.get("minItems").and_then(Json::as_u64).unwrap_or(0);
        if (items.len() as u64) < min {
            self.error(span, format!("{} needs at least {min} item", self.name()));
            return None;
        }
        let max = schema.get("maxItems").and_then(Json::as_u64).unwrap_or(u64::MAX);
        if items.len() as u64 > max {
            self.error(span, format!("{} has at most {max} items, and this has {}", self.name(), items.len()));
            return None;
        }
        let item_schema = schema.get("items").unwrap_or(&Json::Null);
        let mut out = Vec::with_capacity(items.len());
        for (index, item) in items.iter_mut().enumerate() {
            self.path.push(format!("{}[{}]", self.path.last().map_or("", String::as_str), index + 1));
            let span = item.span;
            out.extend(self.value(item, span, item_schema));
            self.path.pop();
        }
        Some(Json::Array(out))
    }

    fn number(&mut self, node: &Node, number: i128, schema: &Json) -> Option<Json> {
        let bound = |key: &str| schema.get(key).and_then(Json::as_u64).map(i128::from);
        let (min, max) = (bound("minimum").unwrap_or(i128::MIN), bound("maximum").unwrap_or(i128::MAX));
        match i64::try_from(number) {
            Ok(fits) if (min..=max).contains(&number) => Some(fits.into()),
            _ => {
                let found = if is_expanded(node) { String::new() } else { format!(", not {number}") };
                let range = if max == i128::MAX { format!("at least {min}") } else { format!("from {min} to {max}") };
                self.error(node.span, format!("{} must be {range}{found}", self.name()));
                None
            }
        }
    }

    /// A wrong word is replaced by the nearest known one, so that the checks that depend on it can go on.
    fn word(&mut self, node: &Node, schema: &Json, words: &[&str]) -> Option<Json> {
        let Value::Text(text) = &node.value else {
            return self.wrong_type(node, "string");
        };
        let any_case = schema.get("anyOf").is_some();
        let equal = |word: &&&str| **word == text.meant() || (any_case && word.eq_ignore_ascii_case(text.meant()));
        if let Some(word) = words.iter().find(equal) {
            return Some((*word).into());
        }
        let key = self.path.last().map_or("", String::as_str);
        if sounds_secret(key) {
            let only = words.join("` or `");
            self.error(node.span, format!("`{key}` must be `{only}`; the secret itself comes from the environment"));
            return None;
        }
        let near = nearest::nearest(text.meant(), words.iter().copied());
        let cure = near.map_or_else(
            || format!("; use {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")),
            |near| format!("; did you mean `{near}`?"),
        );
        self.error(node.span, format!("unknown {key} `{}`{cure}", text.written));
        near.map(Json::from)
    }

    fn wrong_type(&mut self, node: &Node, wanted: &str) -> Option<Json> {
        let found = match &node.value {
            Value::Null => {
                let name = self.name();
                self.error(node.span, format!("{name} has no value; give it one or remove the line"));
                return None;
            }
            Value::Bool(_) => "true or false",
            Value::Integer(_) => "a number",
            Value::Float(_) => "a number that is not whole",
            Value::Text(Text { written, expanded: None }) if wanted == "boolean" => match written.as_str() {
                "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "on" | "On" | "ON" | "off" | "Off" | "OFF" => written,
                _ => "text",
            },
            Value::Text(_) | Value::Unreadable => "text",
            Value::List(_) => "a list",
            Value::Section(_) => "a section",
        };
        let (wanted, cure) = match (wanted, &node.value) {
            ("object", _) => ("a section of `key: value` lines", ""),
            ("array", _) => ("a list of `- …` lines", ""),
            ("integer", _) => ("a whole number", ""),
            ("boolean", _) => ("`true` or `false`", ""),
            (_, Value::Section(_) | Value::List(_)) => ("text", ""),
            _ => ("text", "; put it in quotes"),
        };
        let name = self.name();
        self.error(node.span, format!("{name} must be {wanted}, not {found}{cure}"));
        None
    }

    fn error(&mut self, span: Span, message: String) {
        self.report.error(&About::path(&self.path), span, message);
    }

    /// The key in question, for the beginning of a message.
    fn name(&self) -> String {
        self.path.last().map_or_else(|| "the file".to_owned(), |key| format!("`{key}`"))
    }

    /// ` in `polling``, or nothing at the top.
    fn inside(&self) -> String {
        self.path.last().map(|key| format!(" in `{key}`")).unwrap_or_default()
    }
}

/// Follows `$ref`, and the one alternative to null.
fn resolve<'s>(root: &'s Json, mut schema: &'s Json) -> &'s Json {
    // Three hops: null or a reference, the reference, what it refers to. More than our schema has, and no endless loop.
    for _ in 0..4 {
        let target = schema.get("$ref").and_then(Json::as_str).and_then(|to| root.pointer(to.strip_prefix('#')?));
        let is_choice =
            schema.get("anyOf").is_some_and(|options| options.get(0).is_some_and(|first| first.get("$ref").is_some()));
        match target.or_else(|| schema.get("anyOf").filter(|_| is_choice)?.get(0)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

fn is_expanded(node: &Node) -> bool {
    matches!(&node.value, Value::Text(Text { expanded: Some(_), .. }))
}

/// The first type that is not null.
fn kind(schema: &Json) -> &str {
    let one = |kind: &'_ Json| kind.as_str().filter(|kind| *kind != "null").is_some();
    match schema.get("type") {
        Some(Json::Array(kinds)) => kinds.iter().find(|kind| one(kind)).and_then(Json::as_str).unwrap_or("string"),
        Some(kind) => kind.as_str().unwrap_or("string"),
        None => "string",
    }
}

/// The words that the schema allows: `enum`, a `oneOf` of constants, or an `anyOf` that begins with an `enum`.
fn words(schema: &Json) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").or_else(|| schema.get("anyOf")?.get(0)?.get("enum")) {
        return Some(words.as_array()?.iter().filter_map(Json::as_str).collect());
    }
    let options = schema.get("oneOf")?.as_array()?;
    options.iter().map(|option| option.get("const")?.as_str()).collect()
}
