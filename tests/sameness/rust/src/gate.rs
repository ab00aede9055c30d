//! Who may come in: requests, `/gate`, `/waiting`.

use crate::shared::Shared;
use holdfast_sdk::{Admission, ConnectError, Io, Socket, Value, json, serde_json, sleep};
use std::rc::Rc;
use std::time::Duration;

/// Attaches what decides about requests, and hears of refused ones.
pub(crate) fn attach_requests(io: &Io, shared: &Rc<Shared>) {
    io.allow_request(|handshake| match handshake.query("deny") {
        Some(reason) => Err(reason.to_owned()),
        None => {
            let mut admission = Admission::new();
            if let Some(initial) = handshake.query("initial") {
                admission = admission.initial_header("x-initial", initial);
            }
            if let Some(every) = handshake.query("every") {
                admission = admission.header("x-every", every);
            }
            Ok(admission)
        }
    });
    let noting = Rc::clone(shared);
    io.on_connection_error(move |denied| {
        let context: Value = serde_json::from_str(&denied.context).unwrap_or_default();
        noting.denials.borrow_mut().push(json!({
            "code": denied.code,
            "message": denied.message,
            "name": context["name"],
            "mark": denied.handshake.query("mark"),
        }));
    });
}

/// Attaches the namespaces.
pub(crate) fn attach(io: &Io, shared: &Rc<Shared>, common: impl Fn(&Socket) + 'static) {
    let gate = io.of("/gate");
    let asked = Rc::clone(shared);
    gate.middleware(move |socket| {
        note(&asked, socket, "first");
        let refuse = refuse(socket);
        match refuse.as_deref() {
            Some("plain") => Err("not you".into()),
            Some("data") => {
                Err(ConnectError::new("not you")
                    .with_data(json!({ "code": 401, "why": ["a", null] })))
            }
            Some("empty") => Err("".into()),
            _ => {
                socket.set_data(json!({ "first": refuse.as_deref().unwrap_or("nobody") }));
                Ok(())
            }
        }
    });
    let asked = Rc::clone(shared);
    gate.middleware(move |socket| {
        note(&asked, socket, "second");
        if refuse(socket).as_deref() == Some("second") {
            return Err("not by the second".into());
        }
        let mut data: Value = socket.data().unwrap_or_default();
        data["second"] = data["first"].clone();
        socket.set_data(data);
        Ok(())
    });
    let common = Rc::new(common);
    let (noting, attaching) = (Rc::clone(shared), Rc::clone(&common));
    gate.on_connection(move |socket| {
        note(&noting, socket, "connection");
        attaching(socket);
        let data: Value = socket.data().unwrap_or_default();
        socket.emit("welcome", data);
    });

    let waiting = io.of("/waiting");
    waiting.middleware_async(async |socket: &Socket| {
        sleep(Duration::from_millis(20)).await;
        let auth: Value = socket.handshake().auth().unwrap_or_default();
        if auth["refuse"].is_null() {
            Ok(())
        } else {
            Err("after a while".into())
        }
    });
    waiting.on_connection(move |socket| {
        common(socket);
        socket.emit("welcome", ());
    });
}

fn refuse(socket: &Socket) -> Option<String> {
    let auth: Value = socket.handshake().auth().unwrap_or_default();
    auth["refuse"].as_str().map(str::to_owned)
}

fn note(shared: &Shared, socket: &Socket, what: &'static str) {
    let auth: Value = socket.handshake().auth().unwrap_or_default();
    if let Some(run) = auth["run"].as_str() {
        shared
            .asked
            .borrow_mut()
            .entry(run.to_owned())
            .or_default()
            .push(what);
    }
}
