//! A URL's query as a type of the app: the pairs are text, the fields may be numbers, booleans, lists.

use crate::ArgsError;
use crate::bindings::exports::holdfast::edge::types::Header;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::collections::BTreeMap;

type Error = de::value::Error;

/// Reads the pairs of a query.
pub(crate) fn read_query<T: DeserializeOwned>(pairs: &[Header]) -> Result<T, ArgsError> {
    let mut values: BTreeMap<&str, Values<'_>> = BTreeMap::new();
    for Header { name, value } in pairs {
        values.entry(name).or_default().0.push(value);
    }
    T::deserialize(MapDeserializer::new(values.into_iter()))
        .map_err(|error: Error| ArgsError::new(format!("query: {error}")))
}

/// The values of one name, at least one.
#[derive(Default)]
struct Values<'a>(Vec<&'a str>);

impl<'a> Values<'a> {
    fn first(&self) -> &'a str {
        self.0.first().copied().unwrap_or_default()
    }
}

/// One value of a list.
struct One<'a>(&'a str);

impl<'de> IntoDeserializer<'de, Error> for Values<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> IntoDeserializer<'de, Error> for One<'de> {
    type Deserializer = Values<'de>;

    fn into_deserializer(self) -> Values<'de> {
        Values(vec![self.0])
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.first().parse() {
                Ok(value) => visitor.$visit(value),
                // The visitor says what it expected.
                Err(_) => visitor.visit_borrowed_str(self.first()),
            }
        }
    )* };
}

impl<'de> Deserializer<'de> for Values<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.first())
    }

    parsed! {
        deserialize_bool visit_bool deserialize_i8 visit_i8 deserialize_i16 visit_i16
        deserialize_i32 visit_i32 deserialize_i64 visit_i64 deserialize_u8 visit_u8
        deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
        deserialize_f32 visit_f32 deserialize_f64 visit_f64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant = IntoDeserializer::<Error>::into_deserializer(self.first());
        variant.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let values = self.0.into_iter().map(One);
        visitor.visit_seq(SeqDeserializer::new(values))
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::read_query;
    use crate::Header;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Blue,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wanted {
        age: u8,
        colour: Option<Colour>,
        #[serde(default)]
        tag: Vec<u32>,
        name: String,
        loud: Option<bool>,
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<Header> {
        let header = |(name, value): &(&str, &str)| Header {
            name: (*name).into(),
            value: (*value).into(),
        };
        pairs.iter().map(header).collect()
    }

    #[test]
    fn text_becomes_what_is_wanted() {
        let query = pairs(&[
            ("age", "7"),
            ("tag", "1"),
            ("EIO", "4"),
            ("tag", "2"),
            ("name", "12"),
            ("name", "no"),
            ("colour", "blue"),
        ]);
        let wanted = Wanted {
            age: 7,
            colour: Some(Colour::Blue),
            tag: vec![1, 2],
            name: "12".into(),
            loud: None,
        };
        assert_eq!(read_query(&query), Ok(wanted));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = read_query::<Wanted>(&pairs(&[("age", "old"), ("name", "Ann")]));
        let error = wrong.unwrap_err().to_string();
        assert!(error.contains("query") && error.contains("old"), "{error}");
        let missing = read_query::<Wanted>(&[]).unwrap_err().to_string();
        assert!(missing.contains("age"), "{missing}");
    }
}
