//! Arguments of messages: a tuple is several, `()` none, anything else one. Used by `client`, and by
//! `packet` for binary values. The same rule as in `holdfast_sdk`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::ser::{Impossible, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;

/// The key under which a binary value stands in a [`Value`].
const KEY: &str = "$binary";

/// A binary value anywhere in the arguments. In a [`Value`] it is `{"$binary": "base64…"}`.
///
/// ```
/// # let node = holdfast_test::Node::builder().demo().start().unwrap();
/// # let mut ann = node.connect("/");
/// use holdfast_test::{Binary, json};
///
/// ann.emit("echo", (Binary::from([1, 2, 3]), json!({ "nested": Binary::from([4]) })));
/// ann.expect("echo", (Binary::from([1, 2, 3]), json!({ "nested": Binary::from([4]) })));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary(pub Vec<u8>);

impl<B: AsRef<[u8]>> From<B> for Binary {
    fn from(bytes: B) -> Self {
        Self(bytes.as_ref().to_vec())
    }
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(KEY, &STANDARD.encode(&self.0))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        binary(&value)
            .map(Self)
            .ok_or_else(|| D::Error::custom("not a binary value"))
    }
}

/// The bytes of a binary value.
fn binary(value: &Value) -> Option<Vec<u8>> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    STANDARD.decode(members.get(KEY)?.as_str()?).ok()
}

/// Arguments as a list of values.
pub(crate) fn values(args: &impl Serialize) -> Result<Vec<Value>, serde_json::Error> {
    let value = serde_json::to_value(args)?;
    Ok(match args.serialize(Probe) {
        Ok(Shape::Nothing) => Vec::new(),
        Ok(Shape::Several) => match value {
            Value::Array(values) => values,
            value => vec![value],
        },
        Ok(Shape::One) | Err(_) => vec![value],
    })
}

/// Takes the binary values out, leaving the placeholders that Socket.IO puts in their place.
pub(crate) fn take_out(value: Value, attachments: &mut Vec<Vec<u8>>) -> Value {
    if let Some(bytes) = binary(&value) {
        let mut placeholder = Map::new();
        placeholder.insert("_placeholder".to_owned(), Value::Bool(true));
        placeholder.insert("num".to_owned(), attachments.len().into());
        attachments.push(bytes);
        return Value::Object(placeholder);
    }
    match value {
        Value::Array(items) => items
            .into_iter()
            .map(|item| take_out(item, attachments))
            .collect(),
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(key, value)| (key, take_out(value, attachments)))
                .collect(),
        ),
        value => value,
    }
}

/// Puts binary values back for their placeholders. None when there is one without its value.
pub(crate) fn put_in(value: Value, attachments: &[Vec<u8>]) -> Option<Value> {
    Some(match value {
        Value::Object(members) if members.get("_placeholder") == Some(&Value::Bool(true)) => {
            let number = usize::try_from(members.get("num")?.as_u64()?).ok()?;
            let text = STANDARD.encode(attachments.get(number)?);
            Value::Object(Map::from_iter([(KEY.to_owned(), Value::String(text))]))
        }
        Value::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| put_in(item, attachments))
                .collect::<Option<_>>()?,
        ),
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(key, value)| Some((key, put_in(value, attachments)?)))
                .collect::<Option<_>>()?,
        ),
        value => value,
    })
}

/// A message as one would write it: `said("ann", 1)`.
pub(crate) fn shown(event: &str, args: &[Value]) -> String {
    let args: Vec<_> = args.iter().map(Value::to_string).collect();
    format!("{event}({})", args.join(", "))
}

/// How many arguments a Rust value is.
enum Shape {
    Nothing,
    One,
    Several,
}

/// Finds it out: it looks at the first thing a value says about itself.
struct Probe;

/// It says so with this.
#[derive(Debug)]
struct Unclear;

impl fmt::Display for Unclear {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("one value")
    }
}

impl std::error::Error for Unclear {}

impl serde::ser::Error for Unclear {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The elements of a tuple: nobody looks at them.
struct Elements;

impl serde::ser::SerializeTuple for Elements {
    type Ok = Shape;
    type Error = Unclear;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, _: &T) -> Result<(), Unclear> {
        Ok(())
    }

    fn end(self) -> Result<Shape, Unclear> {
        Ok(Shape::Several)
    }
}

impl serde::ser::SerializeTupleStruct for Elements {
    type Ok = Shape;
    type Error = Unclear;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, _: &T) -> Result<(), Unclear> {
        Ok(())
    }

    fn end(self) -> Result<Shape, Unclear> {
        Ok(Shape::Several)
    }
}

macro_rules! one {
    ($($method:ident($($kind:ty),*);)*) => {
        $(fn $method(self, $(_: $kind),*) -> Result<Shape, Unclear> {
            Ok(Shape::One)
        })*
    };
}

impl Serializer for Probe {
    type Ok = Shape;
    type Error = Unclear;
    type SerializeSeq = Impossible<Shape, Unclear>;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Impossible<Shape, Unclear>;
    type SerializeMap = Impossible<Shape, Unclear>;
    type SerializeStruct = Impossible<Shape, Unclear>;
    type SerializeStructVariant = Impossible<Shape, Unclear>;

    one! {
        serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64); serialize_f32(f32);
        serialize_f64(f64); serialize_char(char); serialize_str(&str); serialize_bytes(&[u8]); serialize_none();
        serialize_unit_struct(&'static str); serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_unit(self) -> Result<Shape, Unclear> {
        Ok(Shape::Nothing)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, _: &T) -> Result<Shape, Unclear> {
        Ok(Shape::One)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<Shape, Unclear> {
        Ok(Shape::One)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Shape, Unclear> {
        Ok(Shape::One)
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements, Unclear> {
        Ok(Elements)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements, Unclear> {
        Ok(Elements)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Unclear> {
        Err(Unclear)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unclear> {
        Err(Unclear)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unclear> {
        Err(Unclear)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Unclear> {
        Err(Unclear)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unclear> {
        Err(Unclear)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tuple_is_several_and_a_list_is_one() {
        assert_eq!(values(&()).unwrap(), Vec::<Value>::new());
        assert_eq!(values(&(1, "b")).unwrap(), [json!(1), json!("b")]);
        assert_eq!(values(&vec![1, 2]).unwrap(), [json!([1, 2])]);
        assert_eq!(values(&json!([1, 2])).unwrap(), [json!([1, 2])]);
        assert_eq!(values(&None::<u8>).unwrap(), [Value::Null]);
        assert_eq!(values(&json!(null)).unwrap(), Vec::<Value>::new());
        assert_eq!(values(&(json!(null),)).unwrap(), [Value::Null]);
        assert_eq!(values(&json!({ "a": 1 })).unwrap(), [json!({ "a": 1 })]);
    }

    #[test]
    fn binary_values_go_out_and_come_back() {
        let value = json!([{ "a": Binary::from(b"one") }, Binary::from(b"two"), "three"]);
        let mut attachments = Vec::new();
        let taken = take_out(value.clone(), &mut attachments);
        assert_eq!(attachments, [b"one", b"two"]);
        assert_eq!(taken[1], json!({ "_placeholder": true, "num": 1 }));
        assert_eq!(put_in(taken.clone(), &attachments), Some(value));
        assert_eq!(put_in(taken, &attachments[..1]), None);
    }
}
