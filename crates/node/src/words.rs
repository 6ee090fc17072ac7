//! Words for people, from the catalogues that the page uses too.

use serde::Serialize;
use serde_json::Value;
use std::{collections::HashMap, sync::LazyLock};

const ENGLISH: &str = include_str!("../../../locales/en.json");
const GERMAN: &str = include_str!("../../../locales/de.json");

/// English and German.
pub(crate) static CATALOGUES: LazyLock<[HashMap<String, String>; 2]> =
    LazyLock::new(|| [ENGLISH, GERMAN].map(|words| serde_json::from_str(words).unwrap_or_default()));

/// The English of something that has a `code` and perhaps values: the words under `<prefix>.<code>`. The code itself when
/// there are none.
pub(crate) fn english(prefix: &str, said: &impl Serialize) -> String {
    let said = serde_json::to_value(said).unwrap_or_default();
    let code = said.get("code").and_then(Value::as_str).unwrap_or_default();
    let key = format!("{prefix}.{code}");
    let words = CATALOGUES[0].get(&key).map_or(code, String::as_str);
    fill(words, |name| said.get(name).map(|value| shown(name, value)))
}

/// Lists are told one after the other; paths as a shell takes them.
fn shown(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(several) => {
            let several: Vec<&str> = several.iter().filter_map(Value::as_str).collect();
            several.join(if name == "paths" { " " } else { ", " })
        }
        other => other.to_string(),
    }
}

/// Words with each `{name}` replaced by what is known under it. What was filled in is not looked at again.
pub(crate) fn fill(words: &str, mut value: impl FnMut(&str) -> Option<String>) -> String {
    let (mut out, mut rest) = (String::new(), words);
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(&value(name).unwrap_or_default());
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanyard_api::{Finding, Remedy};

    #[test]
    fn what_has_a_code_is_told_with_its_values_and_nothing_in_them_is_filled() {
        let found = Finding::Reached { devices: vec!["{port}".into(), "Ben".into()] };
        assert_eq!(english("finding", &found), "{port}, Ben can connect to this device.");
        let help = Remedy::CloseToOthers { paths: vec!["/a".into(), "/b".into()] };
        assert!(english("remedy", &help).contains("/a /b"), "as a shell takes them");
        assert_eq!(english("nothing", &Finding::NoHome), "no_home", "a code is better than nothing");
    }
}
