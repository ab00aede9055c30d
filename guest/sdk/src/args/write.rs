//! From what a handler gives to a payload.

use super::Args;
use crate::bindings::exports::holdfast::edge::types::Payload;
use serde::ser::{self, Impossible, Serialize, SerializeTuple, SerializeTupleStruct, Serializer};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

thread_local! {
    /// Where `Binary` and `Args` leave what is not JSON while a message is being written.
    static WRITING: RefCell<Option<Sink>> = const { RefCell::new(None) };
}

/// What is collected beside the JSON text.
#[derive(Default)]
struct Sink {
    /// Numbers below this belong to the attachments of passed-on arguments.
    base: usize,
    binaries: Vec<Vec<u8>>,
    passed: Option<Args>,
}

/// Keeps a binary value for the message that is being written, and says its number.
pub(super) fn attach(bytes: &[u8]) -> Option<usize> {
    WRITING.with_borrow_mut(|sink| {
        let sink = sink.as_mut()?;
        sink.binaries.push(bytes.to_vec());
        Some(sink.base + sink.binaries.len() - 1)
    })
}

/// Keeps arguments that are to be passed on, until the element they are is written.
pub(super) fn pass(args: &Args) {
    WRITING.with_borrow_mut(|sink| {
        if let Some(sink) = sink {
            sink.passed = Some(args.clone());
        }
    });
}

/// The payload of an event.
pub(crate) fn encode_event(name: &str, args: &impl Serialize) -> Result<Payload, EncodeError> {
    encode(Some(name), args)
}

/// The payload of an acknowledgement.
pub(crate) fn encode_answer(args: &impl Serialize) -> Result<Payload, EncodeError> {
    encode(None, args)
}

fn encode(name: Option<&str>, args: &impl Serialize) -> Result<Payload, EncodeError> {
    let first = attempt(name, args, 0)?;
    let carried = first.carried();
    // Attachments of passed-on arguments come first, for their placeholders are written already. How
    // many there are is known only when they have been met: then the rest is numbered again.
    if carried == 0 || first.binaries.is_empty() {
        first.payload()
    } else {
        attempt(name, args, carried)?.payload()
    }
}

fn attempt(name: Option<&str>, args: &impl Serialize, base: usize) -> Result<Written, EncodeError> {
    let _scope = Scope::enter(base);
    let mut writer = Writer {
        json: Vec::with_capacity(64),
        carried: None,
    };
    writer.json.push(b'[');
    if let Some(name) = name {
        serde_json::to_writer(&mut writer.json, name)?;
    }
    match args.serialize(&mut writer) {
        Err(EncodeError::NoTuple) => {
            // Asking whether it is a tuple may have left something behind.
            WRITING.set(Some(Sink {
                base,
                ..Sink::default()
            }));
            writer.element(args)?;
        }
        other => other?,
    }
    writer.json.push(b']');
    let binaries = WRITING.take().map(|sink| sink.binaries).unwrap_or_default();
    Ok(Written {
        json: writer.json,
        carried: writer.carried,
        binaries,
    })
}

/// What one attempt has written.
struct Written {
    json: Vec<u8>,
    carried: Option<Rc<Vec<Vec<u8>>>>,
    binaries: Vec<Vec<u8>>,
}

impl Written {
    fn carried(&self) -> usize {
        self.carried
            .as_ref()
            .map_or(0, |attachments| attachments.len())
    }

    fn payload(self) -> Result<Payload, EncodeError> {
        let json =
            String::from_utf8(self.json).map_err(|error| EncodeError::Failed(error.to_string()))?;
        let mut attachments = self.carried.map(Rc::unwrap_or_clone).unwrap_or_default();
        attachments.extend(self.binaries);
        Ok(Payload { json, attachments })
    }
}

/// Why arguments cannot be sent.
#[derive(Debug)]
pub(crate) enum EncodeError {
    /// The one value is no tuple: not an error, it is written as an element.
    NoTuple,
    /// Serde's reason.
    Failed(String),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTuple => f.write_str("not a tuple"),
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for EncodeError {}

impl ser::Error for EncodeError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::Failed(reason.to_string())
    }
}

impl From<serde_json::Error> for EncodeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Makes room for what `Binary` and `Args` leave, and afterwards puts back what was there.
struct Scope(Option<Sink>);

impl Scope {
    fn enter(base: usize) -> Self {
        Self(WRITING.replace(Some(Sink {
            base,
            ..Sink::default()
        })))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        WRITING.set(self.0.take());
    }
}

/// Writes the array, element by element.
struct Writer {
    json: Vec<u8>,
    /// The attachments that passed-on arguments bring: of one message only, for their numbers are fixed.
    carried: Option<Rc<Vec<Vec<u8>>>>,
}

impl Writer {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let before = self.json.len();
        if before > 1 {
            self.json.push(b',');
        }
        let start = self.json.len();
        serde_json::to_writer(&mut self.json, value)?;
        let passed =
            WRITING.with_borrow_mut(|sink| sink.as_mut().and_then(|sink| sink.passed.take()));
        match passed {
            Some(args) if self.json.get(start..) == Some(b"null") => self.splice(before, args),
            Some(_) => Err(EncodeError::Failed(
                "Args stand between the arguments, not inside one".into(),
            )),
            None => Ok(()),
        }
    }

    /// Puts passed-on arguments in the place of the element that stands for them.
    fn splice(&mut self, before: usize, args: Args) -> Result<(), EncodeError> {
        self.json.truncate(before);
        let inner = args.inner();
        if !inner.is_empty() {
            if before > 1 {
                self.json.push(b',');
            }
            self.json.extend_from_slice(inner.as_bytes());
        }
        let Some(attachments) = args.attachments else {
            return Ok(());
        };
        if self
            .carried
            .as_ref()
            .is_some_and(|other| !Rc::ptr_eq(other, &attachments))
        {
            return Err(EncodeError::Failed(
                "Args with binary values of two messages in one".into(),
            ));
        }
        self.carried = Some(attachments);
        Ok(())
    }
}

macro_rules! no_tuple {
    ($($name:ident($($type:ty),*);)*) => {
        $(fn $name(self, $(_: $type),*) -> Result<(), EncodeError> { Err(EncodeError::NoTuple) })*
    };
}

type No = Impossible<(), EncodeError>;

/// Takes tuples apart; everything else is told to be an element.
impl Serializer for &mut Writer {
    type Ok = ();
    type Error = EncodeError;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeSeq = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    no_tuple! {
        serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64); serialize_f32(f32);
        serialize_f64(f64); serialize_char(char); serialize_str(&str); serialize_bytes(&[u8]);
        serialize_i128(i128); serialize_u128(u128); serialize_none(); serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), EncodeError> {
        Err(EncodeError::NoTuple)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<(), EncodeError> {
        Err(EncodeError::NoTuple)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), EncodeError> {
        Err(EncodeError::NoTuple)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<No, EncodeError> {
        Err(EncodeError::NoTuple)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<No, EncodeError> {
        Err(EncodeError::NoTuple)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<No, EncodeError> {
        Err(EncodeError::NoTuple)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<No, EncodeError> {
        Err(EncodeError::NoTuple)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<No, EncodeError> {
        Err(EncodeError::NoTuple)
    }
}

impl SerializeTuple for &mut Writer {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.element(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl SerializeTupleStruct for &mut Writer {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.element(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}
