//! Text, lists and bytes on their way between JavaScript and the contract. Called by the natives and by what
//! delivers events; it keeps nothing.

use crate::bindings::types::{Header, Payload};
use rquickjs::{
    Array, CString, Ctx, FromJs, Object, Result, String as JsString, TypedArray, Value,
};

/// Text of JavaScript as UTF-8; halves of surrogate pairs become replacement characters.
pub(crate) struct Text(pub(crate) String);

impl<'js> FromJs<'js> for Text {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let text = rquickjs::Coerced::<JsString<'js>>::from_js(ctx, value)?.0;
        Ok(Self(text_of(text)?))
    }
}

/// Text of JavaScript as UTF-8, as [`Text`] does.
pub(crate) fn text_of(text: JsString<'_>) -> Result<String> {
    if let Ok(text) = text.to_string() {
        return Ok(text);
    }
    let raw = CString::from_string(text)?;
    // SAFETY: a CString's pointer is valid for its length as long as it lives.
    #[expect(
        unsafe_code,
        reason = "its safe view of the bytes assumes that there are no halves of surrogate pairs"
    )]
    let bytes = unsafe { std::slice::from_raw_parts(raw.as_ptr().cast::<u8>(), raw.len()) };
    Ok(with_replacements(bytes))
}

/// Text from UTF-8 in which halves of surrogate pairs may stand, as three bytes each: each becomes one
/// replacement character, as `toWellFormed` makes of it.
fn with_replacements(bytes: &[u8]) -> String {
    let mut whole = bytes.to_vec();
    for three in 0..whole.len().saturating_sub(2) {
        if let Some(half @ [0xed, 0xa0..=0xbf, _]) = whole.get_mut(three..three + 3) {
            half.copy_from_slice("\u{fffd}".as_bytes());
        }
    }
    String::from_utf8_lossy(&whole).into_owned()
}

/// A list of texts.
pub(crate) struct Texts(pub(crate) Vec<String>);

impl<'js> FromJs<'js> for Texts {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let list = Array::from_js(ctx, value)?;
        let texts = list.iter::<Text>().map(|text| text.map(|text| text.0));
        Ok(Self(texts.collect::<Result<_>>()?))
    }
}

/// A list of pairs of texts.
pub(crate) struct Headers(pub(crate) Vec<Header>);

impl<'js> FromJs<'js> for Headers {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let list = Array::from_js(ctx, value)?;
        let headers = list.iter::<Array>().map(|pair| {
            let pair = pair?;
            Ok(Header {
                name: pair.get::<Text>(0)?.0,
                value: pair.get::<Text>(1)?.0,
            })
        });
        Ok(Self(headers.collect::<Result<_>>()?))
    }
}

/// Bytes of a typed array, or of none.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<'js> FromJs<'js> for Bytes {
    fn from_js(_: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        if value.is_undefined() || value.is_null() {
            return Ok(Self(Vec::new()));
        }
        let array = TypedArray::<u8>::from_value(value)?;
        Ok(Self(bytes_of(&array)))
    }
}

pub(crate) fn bytes_of(array: &TypedArray<'_, u8>) -> Vec<u8> {
    // SAFETY: no JavaScript runs before the bytes are copied.
    #[expect(
        unsafe_code,
        reason = "the library cannot know that no script runs meanwhile"
    )]
    let bytes = unsafe { array.as_bytes() };
    bytes.map(<[u8]>::to_vec).unwrap_or_default()
}

/// Binary values of a message, or none.
pub(crate) struct Attachments(pub(crate) Vec<Vec<u8>>);

impl<'js> FromJs<'js> for Attachments {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        if value.is_undefined() || value.is_null() {
            return Ok(Self(Vec::new()));
        }
        let list = Array::from_js(ctx, value)?;
        let values = list
            .iter::<TypedArray<u8>>()
            .map(|value| value.map(|value| bytes_of(&value)));
        Ok(Self(values.collect::<Result<_>>()?))
    }
}

/// The parsed JSON of a payload and its binary values, or undefined when there are none.
pub(crate) fn payload<'js>(ctx: &Ctx<'js>, payload: Payload) -> Result<(Value<'js>, Value<'js>)> {
    let args = ctx.json_parse(payload.json)?;
    if payload.attachments.is_empty() {
        return Ok((args, Value::new_undefined(ctx.clone())));
    }
    let list = Array::new(ctx.clone())?;
    for (index, bytes) in payload.attachments.into_iter().enumerate() {
        list.set(index, TypedArray::<u8>::new_copy(ctx.clone(), bytes)?)?;
    }
    Ok((args, list.into_value()))
}

/// JSON text as a value; text that is none as an empty object.
pub(crate) fn json<'js>(ctx: &Ctx<'js>, text: &str) -> Result<Value<'js>> {
    match ctx.json_parse(text) {
        Ok(value) => Ok(value),
        Err(_) => {
            let _ = ctx.catch();
            Ok(Object::new(ctx.clone())?.into_value())
        }
    }
}

/// Texts as an array.
pub(crate) fn texts<'js>(ctx: &Ctx<'js>, texts: &[String]) -> Result<Array<'js>> {
    let list = Array::new(ctx.clone())?;
    for (index, text) in texts.iter().enumerate() {
        list.set(index, text.as_str())?;
    }
    Ok(list)
}

/// Headers as an array of pairs.
pub(crate) fn headers<'js>(ctx: &Ctx<'js>, headers: &[Header]) -> Result<Array<'js>> {
    let list = Array::new(ctx.clone())?;
    for (index, header) in headers.iter().enumerate() {
        let pair = Array::new(ctx.clone())?;
        pair.set(0, header.name.as_str())?;
        pair.set(1, header.value.as_str())?;
        list.set(index, pair)?;
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_pairs_become_one_character_each() {
        assert_eq!(with_replacements(b"a\xed\xa0\x80b"), "a\u{fffd}b");
        assert_eq!(
            with_replacements(b"\xed\xb0\x80\xed\xaf\xbf"),
            "\u{fffd}\u{fffd}"
        );
        // Not one: the last character below the surrogates.
        assert_eq!(with_replacements(b"\xed\x9f\xbf"), "\u{d7ff}");
        assert_eq!(with_replacements("häß€🎉".as_bytes()), "häß€🎉");
    }
}
