//! Values with a structure, as JSON text: lists in settings, and options that an app decides on. Small
//! and bounded, so they are built into a tree; what sockets say never is.

use crate::limits::OPTIONS_BYTES_MAX;
use crate::socket::json::{self, Watch};

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    Truth(bool),
    /// As it was written.
    Number(String),
    Text(String),
    List(Vec<Value>),
    /// In the order of the text. Of a name that comes twice, the last one counts.
    Table(Vec<(String, Value)>),
}

impl Value {
    /// Reads a text of at most `OPTIONS_BYTES_MAX`. None: it is longer, or not JSON.
    pub fn read(text: &str) -> Option<Value> {
        if text.len() > OPTIONS_BYTES_MAX {
            return None;
        }
        let mut builder = Builder::default();
        json::watch(text, &mut builder)?;
        builder.root
    }

    /// The value of a name, if this is a table that has it.
    pub fn find(&self, name: &str) -> Option<&Value> {
        let Value::Table(fields) = self else {
            return None;
        };
        let field = fields.iter().rev().find(|(key, _)| key == name);
        field.map(|(_, value)| value)
    }

    /// Whether JavaScript takes it for true.
    pub fn is_truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Truth(truth) => *truth,
            Value::Number(number) => number.parse().is_ok_and(|number: f64| number != 0.0),
            Value::Text(text) => !text.is_empty(),
            Value::List(_) | Value::Table(_) => true,
        }
    }

    /// The strings of a list of strings.
    pub fn texts(&self) -> Option<Vec<String>> {
        let Value::List(list) = self else {
            return None;
        };
        let text = |value: &Value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        list.iter().map(text).collect()
    }
}

/// Puts values together that the scanner passes.
#[derive(Default)]
struct Builder {
    /// Arrays and objects that have not ended, each with the key that awaits its value.
    open: Vec<(Value, String)>,
    root: Option<Value>,
}

impl Builder {
    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some((Value::List(list), _)) => list.push(value),
            Some((Value::Table(fields), key)) => fields.push((std::mem::take(key), value)),
            _ => self.root = Some(value),
        }
    }
}

impl Watch for Builder {
    fn open(&mut self, object: bool) {
        let value = if object {
            Value::Table(Vec::new())
        } else {
            Value::List(Vec::new())
        };
        self.open.push((value, String::new()));
    }

    fn shut(&mut self) {
        if let Some((value, _)) = self.open.pop() {
            self.put(value);
        }
    }

    fn key(&mut self, key: &[u8]) {
        if let Some((_, of)) = self.open.last_mut() {
            *of = json::unescape_all(&String::from_utf8_lossy(key));
        }
    }

    fn scalar(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let value = match text.as_ref() {
            "null" => Value::Null,
            "true" => Value::Truth(true),
            "false" => Value::Truth(false),
            quoted if quoted.starts_with('"') => Value::Text(json::unescape_all(
                quoted.get(1..quoted.len() - 1).unwrap_or_default(),
            )),
            number => Value::Number(number.to_owned()),
        };
        self.put(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_a_tree() {
        let value = Value::read(r#"{"a":[1,"x\n",true,{"b":null}],"\u0063":-2e3,"a2":[],"a3":{}}"#)
            .unwrap();
        assert_eq!(value.find("c"), Some(&Value::Number("-2e3".into())));
        let Some(Value::List(list)) = value.find("a") else {
            panic!("a list");
        };
        assert_eq!(list[1], Value::Text("x\n".into()));
        assert_eq!(list[3].find("b"), Some(&Value::Null));
        assert_eq!(value.find("a2"), Some(&Value::List(Vec::new())));
        assert_eq!(value.find("a3"), Some(&Value::Table(Vec::new())));
        assert_eq!(value.find("nothing"), None);
        assert_eq!(Value::read("[1,]"), None);
        assert_eq!(Value::read(&" ".repeat(OPTIONS_BYTES_MAX + 1)), None);
        assert_eq!(
            Value::read(r#"["a","b"]"#).unwrap().texts(),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[test]
    fn truth_is_as_in_javascript() {
        for (text, truthy) in [
            ("0", false),
            ("\"\"", false),
            ("null", false),
            ("false", false),
            ("[]", true),
            ("{}", true),
            ("\"a\"", true),
            ("-1", true),
        ] {
            assert_eq!(Value::read(text).unwrap().is_truthy(), truthy, "{text}");
        }
    }
}
