//! What happened, as calls of the library's hooks. Called by `engine`, one event at a time; it decides nothing.

use crate::bindings::app_guest::{Fetched, Happening};
use crate::bindings::types::{
    AppEvent, Connecting, Denied, Handshake, Judging, Resumed, RoomEvent, SocketInfo,
};
use crate::state::State;
use crate::values::{headers, json, payload, texts};
use rquickjs::function::IntoArgs;
use rquickjs::{
    Array, Ctx, Error, FromJs, Function, IntoJs, Object, Persistent, Result, TypedArray, Value,
};
use std::cell::RefCell;

/// A function of the library that is called when something happens.
#[derive(Clone, Copy)]
pub(crate) enum Hook {
    Message,
    Acked,
    Timer,
    Connecting,
    Resumed,
    Counted,
    Disconnected,
    Found,
    Served,
    Answered,
    Judging,
    Sharing,
    Denied,
    Room,
    Fetched,
    FetchFailed,
    Stopping,
    Start,
    Manifest,
    Module,
    Where,
}

/// Every hook with its name in the library.
const NAMES: [(Hook, &str); 21] = [
    (Hook::Message, "message"),
    (Hook::Acked, "acked"),
    (Hook::Timer, "timer"),
    (Hook::Connecting, "connecting"),
    (Hook::Resumed, "resumed"),
    (Hook::Counted, "counted"),
    (Hook::Disconnected, "disconnected"),
    (Hook::Found, "found"),
    (Hook::Served, "served"),
    (Hook::Answered, "answered"),
    (Hook::Judging, "judging"),
    (Hook::Sharing, "sharing"),
    (Hook::Denied, "denied"),
    (Hook::Room, "room"),
    (Hook::Fetched, "fetched"),
    (Hook::FetchFailed, "fetchFailed"),
    (Hook::Stopping, "stopping"),
    (Hook::Start, "start"),
    (Hook::Manifest, "manifest"),
    (Hook::Module, "module"),
    (Hook::Where, "where"),
];

/// The library's hooks.
pub(crate) struct Hooks(RefCell<Vec<Persistent<Function<'static>>>>);

impl Hooks {
    /// Reads them off the object that `boot` returned.
    pub(crate) fn new<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<Self> {
        let hooks = NAMES.iter().map(|(_, name)| {
            let hook: Function = object.get(*name)?;
            Ok(Persistent::save(ctx, hook))
        });
        Ok(Self(RefCell::new(hooks.collect::<Result<_>>()?)))
    }

    pub(crate) fn function<'js>(&self, ctx: &Ctx<'js>, hook: Hook) -> Result<Function<'js>> {
        let hook = self.0.borrow().get(hook as usize).cloned();
        hook.ok_or(Error::Unknown)?.restore(ctx)
    }

    pub(crate) fn call<'js, A: IntoArgs<'js>, R: FromJs<'js>>(
        &self,
        ctx: &Ctx<'js>,
        hook: Hook,
        args: A,
    ) -> Result<R> {
        self.function(ctx, hook)?.call(args)
    }

    /// Lets go of everything that lives in QuickJS.
    pub(crate) fn close(&self) {
        self.0.borrow_mut().clear();
    }
}

/// Tells the library what happened.
pub(crate) fn deliver<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks,
    state: &State,
    happening: Happening,
) -> Result<()> {
    match happening {
        Happening::Event(event) => event_happened(ctx, hooks, state, event),
        Happening::Elapsed(timer) => hooks.call(ctx, Hook::Timer, (timer as f64,)),
        Happening::Fetched(fetched) => answer_came(ctx, hooks, fetched),
        Happening::Stopping => hooks.call(ctx, Hook::Stopping, ()),
    }
}

fn event_happened<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks,
    state: &State,
    event: AppEvent,
) -> Result<()> {
    let known = |socket| state.handles.borrow().known(socket);
    match event {
        AppEvent::Message(message) => {
            let Some(handle) = known(message.socket) else {
                return Ok(());
            };
            let (args, attachments) = payload(ctx, message.payload)?;
            let ack = message.ack.map(|ack| ack as f64);
            hooks.call(ctx, Hook::Message, (handle, args, attachments, ack))
        }
        AppEvent::Acked(acked) => {
            // Of a socket of another instance too, which answers a broadcast of this one.
            let handle = known(acked.socket);
            let (args, attachments) = payload(ctx, acked.payload)?;
            hooks.call(
                ctx,
                Hook::Acked,
                (handle, acked.ack as f64, args, attachments),
            )
        }
        AppEvent::Connecting(connecting) => connect(ctx, hooks, state, connecting),
        AppEvent::Resumed(resumed) => {
            let handle = state.handles.borrow_mut().of(resumed.info.socket);
            let Resumed { info, rooms, data } = resumed;
            let args = (
                handle,
                info_of(ctx, info)?,
                texts(ctx, &rooms)?,
                json(ctx, &data)?,
            );
            hooks.call(ctx, Hook::Resumed, args)
        }
        AppEvent::Counted(counted) => {
            hooks.call(ctx, Hook::Counted, (counted.ack as f64, counted.receivers))
        }
        AppEvent::Disconnected(departed) => {
            let Some(handle) = known(departed.socket) else {
                return Ok(());
            };
            state.ended.borrow_mut().push(handle);
            let rooms = texts(ctx, &departed.rooms)?;
            hooks.call(ctx, Hook::Disconnected, (handle, departed.reason, rooms))
        }
        AppEvent::Found(found) => {
            let list = Array::new(ctx.clone())?;
            for (index, socket) in found.sockets.into_iter().enumerate() {
                let object = info_of(ctx, socket.info)?;
                object.set("rooms", texts(ctx, &socket.rooms)?)?;
                object.set("data", json(ctx, &socket.data)?)?;
                list.set(index, object)?;
            }
            hooks.call(ctx, Hook::Found, (found.token as f64, list))
        }
        AppEvent::Served(served) => {
            let (args, attachments) = payload(ctx, served.payload)?;
            let place = served.reply.map(|reply| reply.place);
            let token = served.reply.map(|reply| reply.token as f64);
            let args = (served.namespace, args, attachments, place, token);
            hooks.call(ctx, Hook::Served, args)
        }
        AppEvent::Answered(answered) => {
            let (args, attachments) = payload(ctx, answered.payload)?;
            hooks.call(
                ctx,
                Hook::Answered,
                (answered.token as f64, args, attachments),
            )
        }
        AppEvent::Judging(judging) => ask(ctx, hooks, Hook::Judging, judging),
        AppEvent::Sharing(judging) => ask(ctx, hooks, Hook::Sharing, judging),
        AppEvent::Denied(denied) => {
            let Denied {
                handshake,
                code,
                message,
                context,
            } = denied;
            let args = (
                handshake_of(ctx, handshake)?,
                code,
                message,
                json(ctx, &context)?,
            );
            hooks.call(ctx, Hook::Denied, args)
        }
        AppEvent::Room(change) => {
            let what = match change.change {
                RoomEvent::Created => "created",
                RoomEvent::Joined => "joined",
                RoomEvent::Left => "left",
                RoomEvent::Deleted => "deleted",
            };
            let id = change.socket.map(|(_, id)| id);
            hooks.call(ctx, Hook::Room, (change.namespace, change.room, what, id))
        }
    }
}

fn connect<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks,
    state: &State,
    connecting: Connecting,
) -> Result<()> {
    let handle = state.handles.borrow_mut().of(connecting.info.socket);
    let recovered = match connecting.recovered {
        Some(recovered) => {
            let object = Object::new(ctx.clone())?;
            object.set("rooms", texts(ctx, &recovered.rooms)?)?;
            object.set("data", json(ctx, &recovered.data)?)?;
            object.set("skipMiddlewares", recovered.skip_middlewares)?;
            object.into_value()
        }
        None => Value::new_undefined(ctx.clone()),
    };
    hooks.call(
        ctx,
        Hook::Connecting,
        (handle, info_of(ctx, connecting.info)?, recovered),
    )
}

fn ask<'js>(ctx: &Ctx<'js>, hooks: &Hooks, hook: Hook, judging: Judging) -> Result<()> {
    let handshake = handshake_of(ctx, judging.handshake)?;
    hooks.call(ctx, hook, (judging.token as f64, handshake))
}

fn answer_came<'js>(ctx: &Ctx<'js>, hooks: &Hooks, fetched: Fetched) -> Result<()> {
    let token = fetched.token as f64;
    match fetched.outcome {
        Ok(response) => {
            let list = headers(ctx, &response.headers)?;
            let body = TypedArray::<u8>::new_copy(ctx.clone(), response.body)?;
            hooks.call(ctx, Hook::Fetched, (token, response.status, list, body))
        }
        Err(message) => hooks.call(ctx, Hook::FetchFailed, (token, message)),
    }
}

fn info_of<'js>(ctx: &Ctx<'js>, info: SocketInfo) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("id", info.id)?;
    // Bits above the slot: the same for all sockets of a client.
    object.set("session", (info.socket >> 16) as f64)?;
    object.set("namespace", info.namespace)?;
    object.set("recovered", info.recovered)?;
    object.set("handshake", handshake_of(ctx, info.handshake)?)?;
    Ok(object)
}

fn handshake_of<'js>(ctx: &Ctx<'js>, handshake: Handshake) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("headers", headers(ctx, &handshake.headers)?)?;
    object.set("query", headers(ctx, &handshake.query)?)?;
    object.set("url", handshake.url)?;
    object.set("address", handshake.address)?;
    object.set("secure", handshake.secure)?;
    object.set("crossDomain", handshake.cross_domain)?;
    object.set("issuedMs", (handshake.issued_ms as f64).into_js(ctx)?)?;
    object.set("auth", json(ctx, &handshake.auth)?)?;
    Ok(object)
}
