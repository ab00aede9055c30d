//! Binary values anywhere inside arguments.

use super::{read, write};
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::ops::{Deref, DerefMut};

/// Bytes that a browser sees as an `ArrayBuffer` and Node as a `Buffer`. May stand anywhere inside
/// the arguments of a message, however deep; not in what is serialised by other means.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Binary(pub Vec<u8>);

/// What stands for a binary value in the JSON text.
#[derive(serde::Deserialize)]
struct Placeholder {
    #[serde(rename = "_placeholder")]
    marked: bool,
    num: usize,
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(number) = write::attach(&self.0) else {
            return Err(serde::ser::Error::custom(
                "Binary stands inside the arguments of a message only",
            ));
        };
        let mut placeholder = serializer.serialize_struct("Placeholder", 2)?;
        placeholder.serialize_field("_placeholder", &true)?;
        placeholder.serialize_field("num", &number)?;
        placeholder.end()
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let placeholder = Placeholder::deserialize(deserializer)?;
        if !placeholder.marked {
            return Err(D::Error::custom("not a binary value"));
        }
        read::current_attachment(placeholder.num)
            .map(Self)
            .ok_or_else(|| {
                D::Error::custom(format_args!("there is no binary value {}", placeholder.num))
            })
    }
}

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Binary {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Deref for Binary {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Binary {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}
