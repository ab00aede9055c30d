//! From a JSON array to what a handler takes. The array is parsed once, straight into the handler's
//! types; a tuple is met with the leniency of JavaScript.

use super::{ARGS, Args};
use crate::ArgsError;
use serde::de::value::{SeqAccessDeserializer, UnitDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;

thread_local! {
    /// The arguments that are being read, for `Binary` and `Args` in the middle of them.
    static READING: RefCell<Option<Args>> = const { RefCell::new(None) };
    /// Which of them is being read, from 0.
    static INDEX: Cell<usize> = const { Cell::new(0) };
}

/// The attachment of this number, of the arguments that are being read.
pub(super) fn current_attachment(number: usize) -> Option<Vec<u8>> {
    READING.with_borrow(|args| args.as_ref()?.attachments().get(number).cloned())
}

/// The arguments from the one that is being read to the last.
pub(super) fn current_rest() -> Option<Args> {
    READING.with_borrow(|args| args.as_ref().map(|args| args.rest(INDEX.get())))
}

/// Reads the arguments after the first so many, and says how many of them were asked for.
pub(super) fn read_from<A: DeserializeOwned>(
    args: &Args,
    skipped: usize,
) -> Result<(A, usize), ArgsError> {
    let rest;
    let args = if skipped == 0 {
        args
    } else {
        rest = args.rest(skipped);
        &rest
    };
    let _scope = Scope::enter(args);
    let shape = match A::deserialize(Probe) {
        Ok(_) => Shape::One,
        Err(Probed(shape)) => shape,
    };
    let taken = match shape {
        Shape::Nothing => 0,
        Shape::One => 1,
        Shape::Several(count) => count,
        Shape::Whole => {
            return A::deserialize(UnitDeserializer::<de::value::Error>::new())
                .map(|value| (value, usize::MAX))
                .map_err(|e| ArgsError::new(e.to_string()));
        }
    };
    let mut json = serde_json::Deserializer::from_str(args.json());
    json.deserialize_seq(Reader {
        shape,
        result: PhantomData,
    })
    .map(|value| (value, taken))
    .map_err(|error| {
        let reason = without_place(&error);
        ArgsError::new(format!("argument {}: {reason}", skipped + INDEX.get() + 1))
    })
}

/// `serde_json` tells line and column, which mean nothing here.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ")
        .and_then(|end| text.get(..end))
        .unwrap_or(&text)
        .to_owned()
}

/// Puts the arguments where `Binary` finds them, and afterwards back what was there.
struct Scope(Option<Args>, usize);

impl Scope {
    fn enter(args: &Args) -> Self {
        Self(READING.replace(Some(args.clone())), INDEX.replace(0))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        READING.set(self.0.take());
        INDEX.set(self.1);
    }
}

/// What a type asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Nothing,
    One,
    Several(usize),
    Whole,
}

/// Finds out a type's shape: it fails at the first question the type asks, and says which it was.
struct Probe;

#[derive(Debug)]
struct Probed(Shape);

impl<'de> Deserializer<'de> for Probe {
    type Error = Probed;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Probed> {
        Err(Probed(Shape::One))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Probed> {
        Err(Probed(Shape::Nothing))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, count: usize, _: V) -> Result<V::Value, Probed> {
        Err(Probed(Shape::Several(count)))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        count: usize,
        _: V,
    ) -> Result<V::Value, Probed> {
        Err(Probed(Shape::Several(count)))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: V,
    ) -> Result<V::Value, Probed> {
        Err(Probed(if name == ARGS {
            Shape::Whole
        } else {
            Shape::One
        }))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit_struct seq map struct enum identifier ignored_any
    }
}

impl de::Error for Probed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(Shape::One)
    }
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Probed {}

/// Reads the whole array.
struct Reader<A> {
    shape: Shape,
    result: PhantomData<A>,
}

impl<'de, A: DeserializeOwned> Visitor<'de> for Reader<A> {
    type Value = A;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("arguments")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<A, S::Error> {
        let mut elements = Elements { seq, next: 0 };
        let value = match self.shape {
            Shape::Several(_) => A::deserialize(SeqAccessDeserializer::new(&mut elements))?,
            Shape::Nothing => A::deserialize(UnitDeserializer::new())?,
            Shape::One | Shape::Whole => elements
                .next_element()?
                .ok_or_else(|| de::Error::custom("is missing"))?,
        };
        while elements.seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

/// The elements, and after the last one as many missing ones as are asked for.
struct Elements<S> {
    seq: S,
    next: usize,
}

impl<'de, S: SeqAccess<'de>> SeqAccess<'de> for Elements<S> {
    type Error = S::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, S::Error> {
        INDEX.set(self.next);
        self.next += 1;
        let mut seed = Some(seed);
        let read = self.seq.next_element_seed(Kept(&mut seed))?;
        match (read, seed) {
            (None, Some(seed)) => seed.deserialize(Missing(PhantomData)).map(Some),
            (read, _) => Ok(read),
        }
    }
}

/// A seed that survives when there is no element for it.
struct Kept<'a, T>(&'a mut Option<T>);

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Kept<'_, T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Value, D::Error> {
        match self.0.take() {
            Some(seed) => seed.deserialize(deserializer),
            None => Err(de::Error::custom("was read twice")),
        }
    }
}

/// JavaScript's `undefined`: nothing for an `Option`, `null` for a `Value`, an error for others.
struct Missing<E>(PhantomData<E>);

impl<'de, E: de::Error> Deserializer<'de> for Missing<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor
            .visit_unit::<E>()
            .map_err(|_| E::custom("is missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
