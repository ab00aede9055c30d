//! From what happened to the app's functions: the one way in.

use crate::acks::{Awaited, Pending};
use crate::args::split_event;
use crate::bindings::exports::holdfast::edge::app_guest::{Command, Happening};
use crate::bindings::exports::holdfast::edge::types::{
    Acknowledged, Act, AppEvent, Departed, Incoming, Judgement, Judging, Refusal, Resumed,
    SocketInfo,
};
use crate::listeners::Ear;
use crate::log::quoted;
use crate::namespace::Namespace;
use crate::runtime::{Current, Runtime, WAKE};
use crate::timers::Due;
use crate::{AckError, AcksError, Args, EventError, Socket};
use std::rc::Rc;

impl Runtime {
    /// Everything that happened since the last call, and what is to be done about it.
    pub(crate) fn handle(self: &Rc<Self>, now_ms: u64, happened: Vec<Happening>) -> Vec<Command> {
        let _current = Current::enter(self);
        self.now_ms.set(now_ms);
        for happening in happened {
            match happening {
                Happening::Event(event) => self.handle_event(event),
                Happening::Elapsed(WAKE) => self.handle_elapsed(),
                // A timer of an earlier instance; and requests, which this version never makes.
                Happening::Elapsed(_) | Happening::Fetched(_) => {}
                Happening::Stopping => self.handle_stopping(),
            }
            self.run_deferred();
        }
        self.take_commands()
    }

    fn handle_event(self: &Rc<Self>, event: AppEvent) {
        match event {
            AppEvent::Connecting(connecting) => self.handle_connecting(connecting.info),
            AppEvent::Resumed(resumed) => self.handle_resumed(resumed),
            AppEvent::Message(message) => self.handle_message(message),
            AppEvent::Acked(acked) => self.handle_acked(acked),
            AppEvent::Counted(counted) => {
                if let Some(pending) = self.acks.counted(counted.ack, counted.receivers) {
                    self.finish(counted.ack, pending, None);
                }
            }
            AppEvent::Disconnected(departed) => self.handle_disconnected(departed),
            AppEvent::Found(found) => self.handle_found(found),
            AppEvent::Judging(judging) => self.handle_judging(judging),
            // Messages between servers: never asked for by this version.
            AppEvent::Served(_) | AppEvent::Answered(_) => {}
            // Not asked for in the manifest.
            AppEvent::Sharing(_) | AppEvent::Denied(_) | AppEvent::Room(_) => {}
        }
    }

    fn handle_connecting(self: &Rc<Self>, info: SocketInfo) {
        let number = info.socket;
        let Some(handlers) = self.namespaces.borrow().get(&info.namespace).cloned() else {
            let is_declared = info.namespace == "/" && self.namespaces.borrow().is_empty();
            let refusal = Refusal {
                message: "Invalid namespace".to_owned(),
                data: None,
            };
            return self.order(
                number,
                if is_declared {
                    Act::Admit
                } else {
                    Act::Refuse(refusal)
                },
            );
        };
        let socket =
            Socket::connecting(Namespace::new(Rc::clone(self), Rc::clone(&handlers)), info);
        // What a middleware does with the socket happens after it is let in.
        let mark = self.mark();
        for middleware in handlers.middlewares() {
            if let Err(error) = middleware(&socket) {
                self.let_go(&socket);
                let data = error.data.map(|data| data.to_string());
                self.order_at(
                    mark,
                    number,
                    Act::Refuse(Refusal {
                        message: error.message,
                        data,
                    }),
                );
                return;
            }
        }
        self.order_at(mark, number, Act::Admit);
        self.serve(socket);
    }

    fn handle_resumed(self: &Rc<Self>, resumed: Resumed) {
        let Some(handlers) = self
            .namespaces
            .borrow()
            .get(&resumed.info.namespace)
            .cloned()
        else {
            return;
        };
        let namespace = Namespace::new(Rc::clone(self), handlers);
        self.serve(Socket::resumed(namespace, resumed));
    }

    /// Gives a socket to the connection handlers.
    fn serve(&self, socket: Socket) {
        if !socket.is_connected() {
            return;
        }
        self.sockets
            .borrow_mut()
            .insert(socket.number(), socket.clone());
        for handler in socket.namespace().handlers().connection_handlers() {
            handler(&socket);
        }
    }

    fn handle_message(&self, message: Incoming) {
        let Some(socket) = self.sockets.borrow().get(&message.socket).cloned() else {
            return;
        };
        if !socket.is_connected() {
            return;
        }
        let Some((event, args)) = split_event(message.payload) else {
            crate::warn!(
                "socket {}: a message without an event's name is dropped",
                socket.id()
            );
            return;
        };
        for call in socket.listeners().pick(|ear| {
            if let Ear::Any(call) = ear {
                Some(Rc::clone(call))
            } else {
                None
            }
        }) {
            call(&socket, &event, args.clone());
        }
        for call in socket.listeners().take_event(&event) {
            if let Err(error) = call(&socket, &args, message.ack) {
                self.tell_error(
                    &socket,
                    EventError {
                        event: event.clone(),
                        args: args.clone(),
                        error,
                    },
                );
            }
        }
    }

    fn tell_error(&self, socket: &Socket, error: EventError) {
        crate::warn!(
            "socket {}: event {}: {}",
            socket.id(),
            quoted(&error.event),
            error.error
        );
        for call in socket.listeners().pick(|ear| {
            if let Ear::Error(call) = ear {
                Some(Rc::clone(call))
            } else {
                None
            }
        }) {
            call(socket, &error);
        }
    }

    fn handle_acked(&self, acked: Acknowledged) {
        let args = Args::whole(acked.payload);
        if let Some(pending) = self.acks.answered(acked.ack, acked.socket, &args) {
            self.finish(acked.ack, pending, Some(args));
        }
    }

    /// A message waits no longer: everybody has answered.
    fn finish(&self, ack: u64, pending: Pending, answer: Option<Args>) {
        if let Some(timer) = pending.timer {
            self.timers.clear(timer);
        }
        match pending.from {
            Awaited::One { socket, done } => {
                socket.remove_pending(ack);
                if let Some(args) = answer {
                    done(Ok(args));
                }
            }
            Awaited::All { answers, done, .. } => done(Ok(answers)),
        }
    }

    /// A message waits no longer: not everybody has answered.
    fn fail(&self, ack: u64, cause: AckError) {
        let Some(pending) = self.acks.take(ack) else {
            return;
        };
        if let Some(timer) = pending.timer {
            self.timers.clear(timer);
        }
        match pending.from {
            Awaited::One { socket, done } => {
                socket.remove_pending(ack);
                done(Err(cause));
            }
            Awaited::All { answers, done, .. } => done(Err(AcksError { answers, cause })),
        }
    }

    fn handle_disconnected(&self, departed: Departed) {
        let Some(socket) = self.sockets.borrow().get(&departed.socket).cloned() else {
            return;
        };
        socket.mark_leaving(departed.rooms);
        let reason = departed.reason.as_str();
        for call in socket.listeners().pick(|ear| {
            if let Ear::Disconnecting(call) = ear {
                Some(Rc::clone(call))
            } else {
                None
            }
        }) {
            call(&socket, reason);
        }
        socket.mark_gone();
        for call in socket.listeners().pick(|ear| {
            if let Ear::Disconnected(call) = ear {
                Some(Rc::clone(call))
            } else {
                None
            }
        }) {
            call(&socket, reason);
        }
        self.sockets.borrow_mut().remove(&departed.socket);
        self.let_go(&socket);
    }

    /// Nothing is heard from a socket any more.
    fn let_go(&self, socket: &Socket) {
        socket.mark_gone();
        for ack in socket.take_pending() {
            self.fail(ack, AckError::Disconnected);
        }
        socket.forget_listeners();
    }

    fn handle_judging(&self, judging: Judging) {
        let judge = self.judge.borrow().clone();
        let refusal = judge.and_then(|judge| judge(&judging.handshake).err());
        self.order_all(Act::Judge(Judgement {
            token: judging.token,
            refusal,
            initial_headers: Vec::new(),
            headers: Vec::new(),
        }));
    }

    fn handle_elapsed(&self) {
        self.timers.disarm();
        let now_ms = self.now_ms.get();
        let before = self.timers.next_number();
        while let Some(due) = self.timers.take_due(now_ms, before) {
            match due {
                Due::Once(call) | Due::Again(call, _) => call(),
                Due::Ack(ack) => self.fail(ack, AckError::Timeout),
                Due::Fetch(token) => self.fetch_late(token),
            }
            self.run_deferred();
        }
    }

    fn handle_stopping(&self) {
        let calls = self.stopping.borrow().clone();
        for call in calls {
            call();
        }
    }
}
