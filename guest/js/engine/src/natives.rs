//! What the library can ask for: functions of the object that `boot` gets. Each order becomes one command, in
//! the order of the calls. Nothing here calls JavaScript.

use crate::bindings::app_guest::{Command, OutgoingRequest, SetTimer};
use crate::bindings::types::{
    Act, Audience, AudienceDisconnect, AudienceRooms, Broadcast, Delivery, Emission, Find,
    Judgement, Level, Payload, Refusal, Reply, ReturnAddress, Serve, ServeReply, Share,
};
use crate::errors::{is_raw, map_stack};
use crate::modules::{Modules, library_door};
use crate::state::State;
use crate::values::{Attachments, Bytes, Headers, Text, Texts};
use rquickjs::function::{Opt, Rest};
use rquickjs::promise::{Promise, PromiseState};
use rquickjs::{
    Array, Coerced, Ctx, Error, Exception, Function, Object, Result, String as JsString,
    TypedArray, Value,
};
use std::rc::Rc;

/// What a script is told that asks for too much in one go.
const TOO_MUCH: &str =
    "too many messages and other orders in one go: end the handler and go on in a timer";
/// Bytes of randomness that one call gives.
const RANDOM_BYTES_MAX: usize = 65_536;

/// Says that an order was one too many.
fn checked(ctx: &Ctx<'_>, taken: bool) -> Result<()> {
    if taken {
        Ok(())
    } else {
        Err(Exception::throw_range(ctx, TOO_MUCH))
    }
}

/// Something that may be undefined or null.
struct Maybe<T>(Option<T>);

impl<'js, T: rquickjs::FromJs<'js>> rquickjs::FromJs<'js> for Maybe<T> {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        if value.is_undefined() || value.is_null() {
            return Ok(Self(None));
        }
        T::from_js(ctx, value).map(|value| Self(Some(value)))
    }
}

fn number(value: f64) -> u64 {
    // Numbers and tokens are whole and at most 2^53 - 1: what is not becomes one that nobody has.
    if (0.0..=9_007_199_254_740_991.0).contains(&value) {
        value as u64
    } else {
        0
    }
}

fn payload(json: Text, attachments: Opt<Maybe<Attachments>>) -> (Payload, usize) {
    let attachments = attachments
        .0
        .and_then(|list| list.0)
        .map(|list| list.0)
        .unwrap_or_default();
    let bytes = json.0.len()
        + attachments
            .iter()
            .map(|value| value.len() + 32)
            .sum::<usize>();
    (
        Payload {
            json: json.0,
            attachments,
        },
        bytes,
    )
}

fn weight(texts: &[String]) -> usize {
    texts.iter().map(|text| text.len() + 24).sum()
}

fn audience(namespace: Text, rooms: Texts, except: Texts) -> (Audience, usize) {
    let bytes = namespace.0.len() + weight(&rooms.0) + weight(&except.0);
    (
        Audience {
            namespace: namespace.0,
            rooms: rooms.0,
            except: except.0,
        },
        bytes,
    )
}

/// The object of natives.
pub(crate) fn natives<'js>(
    ctx: &Ctx<'js>,
    state: &Rc<State>,
    modules: &Rc<Modules>,
) -> Result<Object<'js>> {
    let natives = Object::new(ctx.clone())?;
    add_of_sockets(ctx, &natives, state)?;
    add_of_audiences(ctx, &natives, state)?;
    add_of_node(ctx, &natives, state)?;
    add_of_text(ctx, &natives, state, modules)?;
    Ok(natives)
}

/// Puts a function that uses the state into an object.
macro_rules! native {
    ($ctx:ident, $object:ident, $state:ident, $name:literal, |$($arg:ident: $kind:ty),*| $body:expr) => {{
        let $state = Rc::clone($state);
        let function = Function::new($ctx.clone(), move |$($arg: $kind),*| $body)?;
        $object.set($name, function)?;
    }};
}

fn add_of_sockets<'js>(ctx: &Ctx<'js>, natives: &Object<'js>, state: &Rc<State>) -> Result<()> {
    native!(
        ctx,
        natives,
        state,
        "admit",
        |ctx: Ctx<'js>, handle: u32| checked(&ctx, state.order(handle, Act::Admit, 0))
    );
    native!(
        ctx,
        natives,
        state,
        "refuse",
        |ctx: Ctx<'js>, handle: u32, message: Text, data: Opt<Maybe<Text>>| {
            let data = data.0.and_then(|data| data.0).map(|data| data.0);
            let bytes = message.0.len() + data.as_ref().map_or(0, String::len);
            let message = message.0;
            let taken = state.order(handle, Act::Refuse(Refusal { message, data }), bytes);
            state.ended.borrow_mut().push(handle);
            checked(&ctx, taken)
        }
    );
    native!(
        ctx,
        natives,
        state,
        "emit",
        |ctx: Ctx<'js>,
         handle: u32,
         json: Text,
         attachments: Opt<Maybe<Attachments>>,
         flags: Opt<Maybe<u8>>,
         ack: Opt<Maybe<f64>>| {
            let (payload, bytes) = payload(json, attachments);
            let emission = Emission {
                payload,
                delivery: delivery(flags.0.and_then(|flags| flags.0)),
                ack: ack.0.and_then(|ack| ack.0).map(number),
            };
            checked(&ctx, state.order(handle, Act::Emit(emission), bytes))
        }
    );
    native!(ctx, natives, state, "reply", |ctx: Ctx<'js>,
                                           handle: u32,
                                           ack: f64,
                                           json: Text,
                                           attachments: Opt<
        Maybe<Attachments>,
    >| {
        let (payload, bytes) = payload(json, attachments);
        let ack = number(ack);
        checked(
            &ctx,
            state.order(handle, Act::Reply(Reply { ack, payload }), bytes),
        )
    });
    native!(
        ctx,
        natives,
        state,
        "join",
        |ctx: Ctx<'js>, handle: u32, rooms: Texts| {
            let bytes = weight(&rooms.0);
            checked(&ctx, state.order(handle, Act::Join(rooms.0), bytes))
        }
    );
    native!(
        ctx,
        natives,
        state,
        "leave",
        |ctx: Ctx<'js>, handle: u32, rooms: Texts| {
            let bytes = weight(&rooms.0);
            checked(&ctx, state.order(handle, Act::Leave(rooms.0), bytes))
        }
    );
    native!(
        ctx,
        natives,
        state,
        "disconnect",
        |ctx: Ctx<'js>, handle: u32, close: bool| checked(
            &ctx,
            state.order(handle, Act::Disconnect(close), 0)
        )
    );
    native!(
        ctx,
        natives,
        state,
        "setData",
        |ctx: Ctx<'js>, handle: u32, json: Text| {
            let bytes = json.0.len();
            checked(&ctx, state.order(handle, Act::SetData(json.0), bytes))
        }
    );
    Ok(())
}

fn delivery(flags: Option<u8>) -> Delivery {
    let bits = flags.unwrap_or_default();
    let mut delivery = Delivery::empty();
    for (bit, flag) in [
        (1, Delivery::VOLATILE),
        (2, Delivery::UNCOMPRESSED),
        (4, Delivery::LOCAL),
    ] {
        if bits & bit != 0 {
            delivery |= flag;
        }
    }
    delivery
}

fn add_of_audiences<'js>(ctx: &Ctx<'js>, natives: &Object<'js>, state: &Rc<State>) -> Result<()> {
    native!(ctx, natives, state, "broadcast", |ctx: Ctx<'js>,
                                               namespace: Text,
                                               rooms: Texts,
                                               except: Texts,
                                               json: Text,
                                               attachments: Opt<
        Maybe<Attachments>,
    >,
                                               tail: Rest<
        Maybe<f64>,
    >| {
        let mut tail = tail.0.into_iter();
        let flags = tail
            .next()
            .and_then(|flags| flags.0)
            .map(|flags| flags as u8);
        let ack = tail.next().and_then(|ack| ack.0).map(number);
        let (to, of_audience) = audience(namespace, rooms, except);
        let (payload, bytes) = payload(json, attachments);
        let broadcast = Broadcast {
            to,
            payload,
            delivery: delivery(flags),
            ack,
        };
        let taken = state.order_all(Act::Broadcast(broadcast), bytes + of_audience);
        checked(&ctx, taken)
    });
    for joins in [true, false] {
        let name = if joins {
            "audienceJoin"
        } else {
            "audienceLeave"
        };
        let state = Rc::clone(state);
        let function = Function::new(
            ctx.clone(),
            move |ctx: Ctx<'js>,
                  namespace: Text,
                  rooms: Texts,
                  except: Texts,
                  which: Texts,
                  local: bool| {
                let (to, of_audience) = audience(namespace, rooms, except);
                let bytes = of_audience + weight(&which.0);
                let rooms = AudienceRooms {
                    to,
                    rooms: which.0,
                    local,
                };
                let act = if joins {
                    Act::AudienceJoin(rooms)
                } else {
                    Act::AudienceLeave(rooms)
                };
                checked(&ctx, state.order_all(act, bytes))
            },
        )?;
        natives.set(name, function)?;
    }
    native!(
        ctx,
        natives,
        state,
        "audienceDisconnect",
        |ctx: Ctx<'js>, namespace: Text, rooms: Texts, except: Texts, local: bool, close: bool| {
            let (to, bytes) = audience(namespace, rooms, except);
            let act = Act::AudienceDisconnect(AudienceDisconnect { to, local, close });
            checked(&ctx, state.order_all(act, bytes))
        }
    );
    native!(
        ctx,
        natives,
        state,
        "find",
        |ctx: Ctx<'js>, token: f64, namespace: Text, rooms: Texts, except: Texts, local: bool| {
            let (to, bytes) = audience(namespace, rooms, except);
            let token = number(token);
            checked(
                &ctx,
                state.order_all(Act::Find(Find { token, to, local }), bytes),
            )
        }
    );
    native!(
        ctx,
        natives,
        state,
        "serve",
        |ctx: Ctx<'js>,
         namespace: Text,
         json: Text,
         attachments: Opt<Maybe<Attachments>>,
         token: Opt<Maybe<f64>>| {
            let (payload, bytes) = payload(json, attachments);
            let serve = Serve {
                namespace: namespace.0,
                payload,
                reply: token.0.and_then(|token| token.0).map(number),
            };
            checked(&ctx, state.order_all(Act::Serve(serve), bytes))
        }
    );
    native!(ctx, natives, state, "serveReply", |ctx: Ctx<'js>,
                                                place: u32,
                                                token: f64,
                                                json: Text,
                                                attachments: Opt<
        Maybe<Attachments>,
    >| {
        let (payload, bytes) = payload(json, attachments);
        let to = ReturnAddress {
            place,
            token: number(token),
        };
        checked(
            &ctx,
            state.order_all(Act::ServeReply(ServeReply { to, payload }), bytes),
        )
    });
    Ok(())
}

fn add_of_node<'js>(ctx: &Ctx<'js>, natives: &Object<'js>, state: &Rc<State>) -> Result<()> {
    native!(
        ctx,
        natives,
        state,
        "judge",
        |ctx: Ctx<'js>, token: f64, refusal: Maybe<Text>, initial: Headers, headers: Headers| {
            let judgement = Judgement {
                token: number(token),
                refusal: refusal.0.map(|text| text.0),
                initial_headers: initial.0,
                headers: headers.0,
            };
            checked(&ctx, state.order_all(Act::Judge(judgement), 64))
        }
    );
    native!(
        ctx,
        natives,
        state,
        "share",
        |ctx: Ctx<'js>, token: f64, json: Maybe<Text>, error: Opt<Maybe<Text>>| {
            let error = error.0.and_then(|error| error.0).map(|error| error.0);
            let outcome = match (json.0, error) {
                (Some(json), None) => Ok(json.0),
                (_, error) => Err(error.unwrap_or_default()),
            };
            let token = number(token);
            checked(
                &ctx,
                state.order_all(Act::Share(Share { token, outcome }), 64),
            )
        }
    );
    let numbers = Rc::clone(state);
    natives.set(
        "number",
        Function::new(ctx.clone(), move || numbers.number() as f64)?,
    )?;
    native!(
        ctx,
        natives,
        state,
        "setTimer",
        |ctx: Ctx<'js>, timer: f64, delay_ms: f64| {
            let (timer, delay_ms) = (number(timer), number(delay_ms.max(0.0)));
            checked(
                &ctx,
                state.push(Command::SetTimer(SetTimer { timer, delay_ms }), 0),
            )
        }
    );
    native!(
        ctx,
        natives,
        state,
        "clearTimer",
        |ctx: Ctx<'js>, timer: f64| checked(
            &ctx,
            state.push(Command::ClearTimer(number(timer)), 0)
        )
    );
    native!(
        ctx,
        natives,
        state,
        "fetch",
        |ctx: Ctx<'js>,
         token: f64,
         method: Text,
         url: Text,
         headers: Headers,
         body: Bytes,
         timeout_ms: f64| {
            let bytes = url.0.len() + body.0.len();
            let request = OutgoingRequest {
                token: number(token),
                method: method.0,
                url: url.0,
                headers: headers.0,
                body: body.0,
                timeout_ms: u32::try_from(number(timeout_ms)).unwrap_or(u32::MAX),
            };
            checked(&ctx, state.push(Command::Fetch(request), bytes))
        }
    );
    native!(ctx, natives, state, "log", |level: u8, text: Text| {
        let level = match level {
            0 => Level::Trace,
            1 => Level::Debug,
            2 => Level::Info,
            3 => Level::Warn,
            _ => Level::Error,
        };
        state.log(level, text.0);
    });
    let clock = Rc::clone(state);
    natives.set(
        "now",
        Function::new(ctx.clone(), move || clock.now_ms.get() as f64)?,
    )?;
    native!(
        ctx,
        natives,
        state,
        "random",
        |ctx: Ctx<'js>, count: f64| {
            let count = usize::try_from(number(count)).unwrap_or(usize::MAX);
            if count > RANDOM_BYTES_MAX {
                let message =
                    format!("at most {RANDOM_BYTES_MAX} random bytes are given at a time");
                return Err(Exception::throw_range(&ctx, &message));
            }
            let mut bytes = vec![0; count];
            state.random(&mut bytes);
            TypedArray::<u8>::new_copy(ctx, bytes)
        }
    );
    Ok(())
}

fn add_of_text<'js>(
    ctx: &Ctx<'js>,
    natives: &Object<'js>,
    state: &Rc<State>,
    modules: &Rc<Modules>,
) -> Result<()> {
    native!(
        ctx,
        natives,
        state,
        "utf8Encode",
        |ctx: Ctx<'js>, text: Text| {
            let _ = &state;
            TypedArray::<u8>::new_copy(ctx, text.0)
        }
    );
    native!(
        ctx,
        natives,
        state,
        "utf8Decode",
        |ctx: Ctx<'js>, bytes: Bytes, fatal: Opt<bool>| {
            let _ = &state;
            if fatal.0 == Some(true) && std::str::from_utf8(&bytes.0).is_err() {
                return Err(Exception::throw_type(
                    &ctx,
                    "The encoded data was not valid for encoding utf-8",
                ));
            }
            JsString::from_str(ctx, &String::from_utf8_lossy(&bytes.0))
        }
    );
    let of_stack = Rc::clone(modules);
    let stack = move |ctx: Ctx<'js>, error: Value<'js>| -> Result<String> {
        let stack = match error.as_object() {
            Some(object) => object.get::<_, Value>("stack")?,
            None => return Ok(String::new()),
        };
        if stack.is_undefined() || stack.is_null() {
            return Ok(String::new());
        }
        let text =
            rquickjs::FromJs::from_js(&ctx, stack).map(|Coerced::<JsString<'js>>(text)| text)?;
        let text = crate::values::text_of(text)?;
        Ok(if is_raw(&text) {
            map_stack(&of_stack, &text)
        } else {
            text
        })
    };
    natives.set("stack", Function::new(ctx.clone(), stack)?)?;
    natives.set("peek", Function::new(ctx.clone(), peek)?)?;
    natives.set("require", library_door(ctx, modules)?)?;
    Ok(())
}

/// What became of a promise, for showing it: 0 nothing yet, 1 a value, 2 a reason; and that.
fn peek<'js>(ctx: Ctx<'js>, promise: Promise<'js>) -> Result<Array<'js>> {
    let state = match promise.state() {
        PromiseState::Pending => 0,
        PromiseState::Resolved => 1,
        PromiseState::Rejected => 2,
    };
    let pair = Array::new(ctx.clone())?;
    pair.set(0, state)?;
    match promise.result::<Value>() {
        Some(Ok(value)) => pair.set(1, value)?,
        Some(Err(_)) => pair.set(1, ctx.catch())?,
        None => {}
    }
    Ok(pair)
}

/// An error of the bindings that is no exception, as text.
pub(crate) fn is_exception(error: &Error) -> bool {
    matches!(error, Error::Exception)
}
