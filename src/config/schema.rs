//! The JSON Schema of `agentsmith.yml`, as it follows from the types in `raw`.
//!
//! Printed by `agent-smith schema`, walked by the structure check: an editor and `validate` cannot disagree about what
//! keys there are. What must stay true: null is allowed for sections and for nothing else.

use std::sync::LazyLock;

use serde_json::Value;

use super::raw::File;

/// The JSON Schema of the file, draft 2020-12.
pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = schemars::schema_for!(File).to_value();
    let definitions = schema.get("$defs").cloned().unwrap_or_default();
    without_null(&mut schema, &definitions);
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".into(), "agentsmith.yml".into());
    }
    schema
});

/// A section may be empty, which YAML reads as null; any other key has a value or is not there. So null stays beside
/// sections and goes everywhere else.
fn without_null(schema: &mut Value, definitions: &Value) {
    match schema {
        Value::Object(object) => {
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            if let Some(Value::Array(types)) = object.get_mut("type") {
                if !types.contains(&"object".into()) {
                    types.retain(|kind| kind != "null");
                }
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(options)) = object.get_mut("anyOf")
                && options.first().is_some_and(|first| !is_section(first, definitions))
            {
                options.retain(|option| option.get("type").is_none_or(|kind| kind != "null"));
            }
            object.values_mut().for_each(|value| without_null(value, definitions));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| without_null(value, definitions)),
        _ => {}
    }
}

fn is_section(schema: &Value, definitions: &Value) -> bool {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
    let target = name.and_then(|name| definitions.get(name)).unwrap_or(schema);
    target.get("type").is_some_and(|kind| kind == "object")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_allowed_for_sections_only() {
        let text = SCHEMA.to_string();
        let nullable =
            |pointer: &str| SCHEMA.pointer(pointer).is_some_and(|schema| schema.to_string().contains("null"));
        assert!(nullable("/properties/projects"), "{text}");
        assert!(nullable("/$defs/Project/properties/polling"));
        for scalar in
            ["/$defs/Project/properties/pipeline", "/$defs/Tickets/properties/auth", "/$defs/Agent/properties/data_dir"]
        {
            assert!(SCHEMA.pointer(scalar).is_some() && !nullable(scalar), "{scalar}: {text}");
        }
    }
}
