//! A place in the tree, for messages: it may not be there, and then its owner is shown.
//!
//! Used by all checks of this folder. What must stay true: text that came from the environment is not shown.

use crate::config::tree::{Node, Span, Text, Value};

/// A key and its value, or the place where they would be.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Spot<'t> {
    owner: Span,
    node: Option<&'t Node>,
}

impl<'t> Spot<'t> {
    pub(in crate::config) fn root(node: &'t Node) -> Self {
        Self { owner: Span::START, node: Some(node) }
    }

    /// What stands below `key`.
    pub(in crate::config) fn child(self, key: &str) -> Self {
        match self.node.and_then(|node| node.entry(key)) {
            Some(entry) => Self { owner: entry.key_span, node: Some(&entry.node) },
            None => Self { owner: self.owner, node: None },
        }
    }

    /// True when the key is written in the file, also with a wrong value.
    pub(in crate::config) fn exists(self) -> bool {
        self.node.is_some()
    }

    /// The keys below, in file order.
    pub(in crate::config) fn keys(self) -> impl Iterator<Item = &'t str> {
        self.node.into_iter().flat_map(|node| node.entries()).map(|entry| entry.key.as_str())
    }

    /// Where the key stands.
    pub(in crate::config) fn key_span(self) -> Span {
        self.owner
    }

    /// Where the value stands; the key, when the value is a section, a list or not there.
    pub(in crate::config) fn span(self) -> Span {
        match self.node {
            Some(Node { value: Value::Section(_) | Value::List(_), .. }) | None => self.owner,
            Some(node) => node.span.or(self.owner),
        }
    }

    /// The item of a list.
    pub(in crate::config) fn item(self, index: usize) -> Self {
        match self.node.map(|node| &node.value) {
            Some(Value::List(items)) => {
                let node = items.get(index);
                Self { owner: node.map_or(self.owner, |item| item.span.or(self.owner)), node }
            }
            _ => Self { owner: self.owner, node: None },
        }
    }

    /// Where the item of a list stands.
    pub(in crate::config) fn item_span(self, index: usize) -> Span {
        match self.node.map(|node| &node.value) {
            Some(Value::List(items)) => items.get(index).map_or(self.owner, |item| item.span.or(self.owner)),
            _ => self.owner,
        }
    }

    /// True when all of the value comes from one variable of the environment: `${NAME}`.
    pub(in crate::config) fn is_one_variable(self) -> bool {
        match self.node.map(|node| &node.value) {
            Some(Value::Text(Text { written, expanded: Some(_) })) => {
                let name = written.trim().strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
                name.is_some_and(|name| !name.contains(['$', '{', '}']))
            }
            _ => false,
        }
    }

    /// The text as it stands in the file, in back ticks; `it` when there is none.
    pub(in crate::config) fn quoted(self) -> String {
        match self.node.map(|node| &node.value) {
            Some(Value::Text(Text { written, .. })) => format!("`{}`", written.trim_end()),
            _ => "it".to_owned(),
        }
    }
}
