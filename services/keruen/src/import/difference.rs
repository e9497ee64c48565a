//! Whether what the server has is what a file says.

use serde_json::Value;

/// Where 0 says that there is nothing, and not that nothing is said.
const ZERO_SAYS_MUCH: [&str; 1] = ["counted"];

/// Where what is there differs from what a file says, both as protobuf JSON. What the file doesn't say may be anything.
pub fn difference(stated: Value, there: &Value) -> Option<String> {
    differing(&said(stated), there, "")
}

/// What a file says: without fields that say nothing.
fn said(stated: Value) -> Value {
    match stated {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, said(value)));
            let meant = members.filter(|(name, value)| {
                says_something(value) || (ZERO_SAYS_MUCH.contains(&name.as_str()) && value == "0")
            });
            Value::Object(meant.collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(said).collect()),
        other => other,
    }
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        // A yes or no is always meant.
        Value::Bool(_) => true,
        Value::Number(number) => number.as_i64() != Some(0),
        // Protobuf JSON writes 64-bit integers as text.
        Value::String(text) => !text.is_empty() && text != "0",
        Value::Array(values) => !values.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// Where a field of text differs, empty or not.
pub fn of_text(field: &str, there: &str, stated: &str) -> Option<String> {
    let told = |text: &str| match text {
        "" => "empty".to_owned(),
        text => format!("{text:?}"),
    };
    let (there, stated) = (told(there), told(stated));
    (there != stated).then(|| format!("{field} is {there} there and {stated} in the file"))
}

fn differing(stated: &Value, there: &Value, path: &str) -> Option<String> {
    match (stated, there) {
        (Value::Object(stated), _) => stated.iter().find_map(|(name, value)| {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            differing(value, &there[name], &path)
        }),
        (Value::Array(stated), Value::Array(there)) if stated.len() == there.len() => {
            let pairs = stated.iter().zip(there).enumerate();
            pairs
                .map(|(index, (stated, there))| {
                    differing(stated, there, &format!("{path}[{index}]"))
                })
                .find_map(|it| it)
        }
        (Value::Array(stated), Value::Array(there)) => Some(format!(
            "{path}: {} there, {} in the file",
            there.len(),
            stated.len()
        )),
        (stated, there) if stated == there => None,
        (stated, Value::Null) => Some(format!("{path} is empty there and {stated} in the file")),
        (stated, there) => Some(format!("{path} is {there} there and {stated} in the file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_that_say_nothing_are_not_compared() {
        let stated = json!({"a": "", "b": [], "c": {"d": "0", "e": 0, "f": null}, "g": false, "h": [{"i": "", "j": "x"}],
                            "counted": "0", "k": {"counted": ""}});
        let left = json!({"g": false, "h": [{"j": "x"}], "counted": "0"});
        assert_eq!(said(stated), left);
    }

    #[test]
    fn only_what_the_file_says_is_compared() {
        let there = json!({"name": {"en": "A", "kk": "Ә"}, "lines": [{"line": 1, "quantity": "5"}], "state": "X"});
        let same = json!({"name": {"en": "A"}, "lines": [{"quantity": "5"}]});
        assert_eq!(difference(same, &there), None);
        let cases = [
            (
                json!({"name": {"en": "B"}}),
                r#"name.en is "A" there and "B" in the file"#,
            ),
            (
                json!({"lines": [{"quantity": "6"}]}),
                r#"lines[0].quantity is "5" there and "6" in the file"#,
            ),
            (
                json!({"lines": [{"quantity": "5"}, {"quantity": "6"}]}),
                "lines: 1 there, 2 in the file",
            ),
            (
                json!({"gtin": "1"}),
                r#"gtin is empty there and "1" in the file"#,
            ),
        ];
        for (stated, told) in cases {
            assert_eq!(difference(stated, &there).as_deref(), Some(told));
        }
    }
}
