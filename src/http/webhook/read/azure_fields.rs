//! The fields of a work item as Azure DevOps' deliveries show them: plain values, or what changed.
//!
//! Who calls: `azure_devops.rs`, nobody else. In `workitem.updated` a field under `resource.fields` is
//! `{oldValue, newValue}` with one of them left out where there was or is no value; everywhere else it is the value
//! itself. One type reads both, because the body says which event it is only beside them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use super::json;
use crate::ticket::Account;

/// The fields that matter. One without a value is left out.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Fields {
    #[serde(rename = "System.State")]
    pub(super) state: Option<Field>,
    #[serde(rename = "System.Tags")]
    pub(super) tags: Option<Field>,
    #[serde(rename = "System.TeamProject")]
    pub(super) project: Option<Field>,
    /// The comment that was written with the change.
    #[serde(rename = "System.History")]
    pub(super) history: Option<Field>,
    #[serde(rename = "System.ChangedBy")]
    pub(super) changed_by: Option<Identity>,
}

/// A field, or how it changed.
#[derive(Debug)]
pub(super) enum Field {
    /// Its value.
    Value(String),
    /// It had one value and has another.
    Change(FieldChange),
}

/// How a field changed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct FieldChange {
    #[serde(rename = "oldValue")]
    pub(super) old: Option<String>,
    #[serde(rename = "newValue")]
    pub(super) new: Option<String>,
}

impl Field {
    /// The value after whatever happened.
    pub(super) fn now(&self) -> Option<&str> {
        match self {
            Self::Value(value) => Some(value),
            Self::Change(change) => change.new.as_deref(),
        }
    }

    /// How it changed, if this says so.
    pub(super) fn change(&self) -> Option<&FieldChange> {
        match self {
            Self::Value(_) => None,
            Self::Change(change) => Some(change),
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or {oldValue, newValue}")
            }

            fn visit_str<E>(self, text: &str) -> Result<Field, E> {
                Ok(Field::Value(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field, A::Error> {
                FieldChange::deserialize(MapAccessDeserializer::new(map)).map(Field::Change)
            }
        }
        reader.deserialize_any(Either)
    }
}

/// Somebody: `Display Name <unique@name>`, only a display name, or an object.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    id: Option<String>,
    display_name: Option<String>,
    unique_name: Option<String>,
    name: Option<String>,
}

/// Somebody, in any of the ways in which Azure DevOps writes that.
#[derive(Debug, Default)]
pub(super) struct Identity(Names);

impl Identity {
    /// The account, unless nothing says who it is. People are shown the name that somebody chose, and not a GUID.
    pub(super) fn account(self) -> Option<Account> {
        let Names { id, display_name, unique_name, name } = self.0;
        let written = name.map(|name| Self::from_text(&name).0).unwrap_or_default();
        let ids = [unique_name, id, written.unique_name];
        let first = ids.iter().flatten().find(|id| !id.is_empty()).cloned();
        json::account([first], [display_name, written.display_name].into_iter().chain(ids), false)
    }

    /// The last pair of brackets counts: what stands before it is what a person chose to be called.
    fn from_text(text: &str) -> Self {
        let parts = text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<'));
        let (display, unique) = parts.map_or((text.trim(), None), |(display, unique)| (display.trim(), Some(unique)));
        let display_name = (!display.is_empty()).then(|| display.to_owned());
        Self(Names { display_name, unique_name: unique.map(|name| name.trim().to_owned()), ..Names::default() })
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Identity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or an identity")
            }

            fn visit_str<E>(self, text: &str) -> Result<Identity, E> {
                Ok(Identity::from_text(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Identity, A::Error> {
                Names::deserialize(MapAccessDeserializer::new(map)).map(Identity)
            }
        }
        reader.deserialize_any(Either)
    }
}
