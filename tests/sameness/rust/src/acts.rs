//! What clients can have the server call, by name: `ACTS` of `app.mjs`.

use crate::audience::{Chain, first, rooms};
use crate::shared::Shared;
use holdfast_sdk::serde_json::Map;
use holdfast_sdk::{
    Ack, Args, ArgsError, Io, RESERVED_EVENTS, RemoteSocket, Socket, Value, json, sleep, warn,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Query values that are Engine.IO's own.
const IGNORED_QUERY: [&str; 5] = ["EIO", "transport", "t", "sid", "b64"];

/// Does it, and answers with the result.
pub(crate) async fn act(socket: &Socket, shared: &Shared, name: &str, args: &Args, ack: Ack) {
    match try_act(socket, shared, name, args).await {
        Ok(result) => ack.send((result,)),
        Err(error) => warn!("act {name}: {error}"),
    }
}

async fn try_act(
    socket: &Socket,
    shared: &Shared,
    name: &str,
    args: &Args,
) -> Result<Value, ArgsError> {
    Ok(match name {
        "who" => who(socket),
        "handshake" => handshake(socket),
        "setData" => set_data(socket, args.read()?),
        "join" => {
            socket.join(rooms(&args.read()?));
            json!(socket.rooms())
        }
        "leave" => {
            socket.leave(rooms(&args.read()?));
            json!(socket.rooms())
        }
        "emit" => {
            let (chain, event, args): (Vec<Value>, String, Args) = args.read()?;
            Chain::of(socket, &chain).emit(&event, args);
            Value::Null
        }
        "send" | "write" => {
            let (chain, args): (Vec<Value>, Args) = args.read()?;
            Chain::of(socket, &chain).send(args);
            Value::Null
        }
        "many" => {
            let list: Vec<(Vec<Value>, String, Option<Value>)> = (args.read::<(Vec<Many>,)>()?)
                .0
                .into_iter()
                .map(Many::parts)
                .collect();
            for (chain, event, arg) in list {
                let args = match arg {
                    Some(arg) => json!([arg]),
                    None => json!([]),
                };
                emit_list(&Chain::of(socket, &chain), &event, &args);
            }
            Value::Null
        }
        "twice" => twice(socket, args.read()?),
        "reserved" => {
            let (chain, event): (Vec<Value>, String) = args.read()?;
            Chain::of(socket, &chain).emit(&event, Args::none());
            // Nothing is thrown here: an error is in the log.
            if RESERVED_EVENTS.contains(&event.as_str()) {
                json!(format!("{event:?} is a reserved event name"))
            } else {
                json!("emitted")
            }
        }
        "socketsJoin" => {
            let (chain, joined): (Vec<Value>, Value) = args.read()?;
            Chain::of(socket, &chain)
                .audience()
                .sockets_join(rooms(&joined));
            Value::Null
        }
        "socketsLeave" => {
            let (chain, left): (Vec<Value>, Value) = args.read()?;
            Chain::of(socket, &chain)
                .audience()
                .sockets_leave(rooms(&left));
            Value::Null
        }
        "disconnectSockets" => {
            let (chain, close): (Vec<Value>, Option<bool>) = args.read()?;
            Chain::of(socket, &chain)
                .audience()
                .disconnect_sockets(close == Some(true));
            Value::Null
        }
        "disconnect" => {
            socket.disconnect(args.read::<Option<bool>>()? == Some(true));
            Value::Null
        }
        "disconnectAndEmit" => {
            socket.disconnect(false);
            socket.emit("too late", ());
            socket.join("too late");
            json!([socket.is_connected(), socket.rooms()])
        }
        "watch" => {
            socket.join("watchers");
            Value::Null
        }
        "asked" => json!(
            shared
                .asked
                .borrow()
                .get(&args.read::<String>()?)
                .cloned()
                .unwrap_or_default()
        ),
        "denials" => {
            let mark: String = args.read()?;
            let denials = shared.denials.borrow();
            json!(
                denials
                    .iter()
                    .filter(|denial| denial["mark"] == json!(mark))
                    .collect::<Vec<_>>()
            )
        }
        "roomEvents" => {
            let (rooms,): (Vec<Value>,) = args.read()?;
            let events = shared.room_events.borrow();
            events
                .iter()
                .filter(|event| rooms.contains(&event[1]))
                .cloned()
                .collect()
        }
        "serverSide" => {
            socket.io().server_side_emit("noted", 1);
            json!(shared.notes.get())
        }
        "namespaces" => {
            let prefix: String = args.read()?;
            let names = shared.namespaces.borrow();
            json!(
                names
                    .iter()
                    .filter(|name| name.starts_with(&prefix))
                    .collect::<Vec<_>>()
            )
        }
        "emitInto" => {
            let (name, event, args): (String, String, Args) = args.read()?;
            socket.io().of(&name).emit(&event, args);
            Value::Null
        }
        "ask" => {
            let (chain, event, args): (Vec<Value>, String, Args) = args.read()?;
            Chain::of(socket, &chain).ask(&event, args).await
        }
        "askAsync" => {
            let (chain, event, args): (Vec<Value>, String, Args) = args.read()?;
            Chain::of(socket, &chain).ask_async(&event, args).await
        }
        "fetch" => {
            let (chain,): (Vec<Value>,) = args.read()?;
            let found = Chain::of(socket, &chain).audience().fetch_sockets().await;
            found.iter().map(details).collect()
        }
        "ids" => {
            let (chain,): (Vec<Value>,) = args.read()?;
            let found = Chain::of(socket, &chain).audience().fetch_sockets().await;
            found.iter().map(RemoteSocket::id).collect()
        }
        "remote" => {
            let (id, action, args): (String, String, Args) = args.read()?;
            match socket.namespace().to(id).fetch_sockets().await.first() {
                Some(remote) => with_remote(remote, &action, &args).await?,
                None => json!("nobody"),
            }
        }
        "timeouts" => timeouts(&socket.io()).await,
        "interval" => every(&socket.io()).await,
        _ => {
            warn!("there is no act {name}");
            Value::Null
        }
    })
}

async fn with_remote(remote: &RemoteSocket, action: &str, args: &Args) -> Result<Value, ArgsError> {
    match action {
        "handshake" => return remote.handshake().auth(),
        "ask" => {
            let (event, args): (String, Args) = args.read()?;
            let timed = remote.timeout(Duration::from_secs(1));
            return Ok(first(timed.emit_with_ack(&event, args).await));
        }
        "emit" => {
            let (event, args): (String, Args) = args.read()?;
            remote.emit(&event, args);
        }
        "join" => remote.join(rooms(&args.read()?)),
        "leave" => remote.leave(rooms(&args.read()?)),
        _ => remote.disconnect(args.read::<Option<bool>>()? == Some(true)),
    }
    Ok(Value::Null)
}

fn details(found: &RemoteSocket) -> Value {
    let data: Value = found.data().unwrap_or_default();
    json!({ "id": found.id(), "rooms": found.rooms(), "data": data })
}

fn who(socket: &Socket) -> Value {
    let data: Value = socket.data().unwrap_or_default();
    json!({
        "id": socket.id(),
        "namespace": socket.namespace().name(),
        "rooms": socket.rooms(),
        "connected": socket.is_connected(),
        "recovered": socket.recovered(),
        "data": data,
    })
}

fn handshake(socket: &Socket) -> Value {
    let handshake = socket.handshake();
    let query = handshake
        .query
        .iter()
        .filter(|value| !IGNORED_QUERY.contains(&value.name.as_str()));
    let headers = handshake
        .headers
        .iter()
        .filter(|header| header.name.starts_with("x-"));
    let auth: Value = handshake.auth().unwrap_or_default();
    json!({
        "auth": auth,
        "query": query.map(|value| (value.name.clone(), json!(value.value))).collect::<Map<String, Value>>(),
        "headers": headers.map(|header| (header.name.clone(), json!(header.value))).collect::<Map<String, Value>>(),
        "path": handshake.url.split('?').next(),
        "address": handshake.address,
        "secure": handshake.secure,
        "xdomain": handshake.cross_domain,
        "issuedLately": socket.io().now_ms().abs_diff(handshake.issued_ms) < 60_000,
    })
}

fn set_data(socket: &Socket, more: Value) -> Value {
    let mut data: Value = socket.data().unwrap_or_default();
    if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    socket.set_data(data);
    Value::Null
}

/// One message of `many`: a chain, a name, at most one argument.
#[derive(holdfast_sdk::serde::Deserialize)]
#[serde(crate = "holdfast_sdk::serde")]
struct Many(Vec<Value>);

impl Many {
    fn parts(self) -> (Vec<Value>, String, Option<Value>) {
        let mut parts = self.0.into_iter();
        let chain = match parts.next() {
            Some(Value::Array(chain)) => chain,
            _ => Vec::new(),
        };
        let event = parts
            .next()
            .and_then(|event| event.as_str().map(str::to_owned));
        (chain, event.unwrap_or_default(), parts.next())
    }
}

fn emit_list(chain: &Chain, event: &str, args: &Value) {
    use crate::audience::Target;
    let arg = args.get(0);
    match (&chain.target, arg) {
        (Target::One(one), Some(arg)) => one.emit(event, (arg,)),
        (Target::One(one), None) => one.emit(event, ()),
        (Target::Several(all), Some(arg)) => all.emit(event, (arg,)),
        (Target::Several(all), None) => all.emit(event, ()),
    }
}

fn twice(socket: &Socket, (room, other): (String, String)) -> Value {
    let to = socket.namespace().to(room);
    to.clone().to(other).emit("both", ());
    to.clone().except(socket.id()).emit("others", ());
    to.emit("one", ());
    Value::Null
}

async fn timeouts(io: &Io) -> Value {
    let order = Rc::new(RefCell::new(Vec::new()));
    let push = |word: &'static str| {
        let order = Rc::clone(&order);
        move || order.borrow_mut().push(word)
    };
    io.set_timeout(Duration::from_millis(20), push("second"));
    io.set_timeout(Duration::from_millis(5), push("first"));
    let never = io.set_timeout(Duration::from_millis(10), push("never"));
    io.clear(never);
    sleep(Duration::from_millis(60)).await;
    json!(*order.borrow())
}

async fn every(io: &Io) -> Value {
    let count = Rc::new(Cell::new(0));
    let own = Rc::new(Cell::new(None));
    let (counted, timer, clearing) = (Rc::clone(&count), Rc::clone(&own), io.clone());
    let interval = io.set_interval(Duration::from_millis(5), move || {
        counted.set(counted.get() + 1);
        if let (3, Some(timer)) = (counted.get(), timer.get()) {
            clearing.clear(timer);
        }
    });
    own.set(Some(interval));
    sleep(Duration::from_millis(100)).await;
    json!(count.get())
}
