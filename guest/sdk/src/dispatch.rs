//! From what happened to the app's functions: the one way in.

use crate::acks::{Awaited, Pending};
use crate::args::split_event;
use crate::bindings::exports::holdfast::edge::app_guest::{Command, Happening};
use crate::bindings::exports::holdfast::edge::types::{
    Acknowledged, Act, AppEvent, Connecting, Departed, Incoming, Refusal, Resumed,
};
use crate::listeners::Ear;
use crate::log::quoted;
use crate::namespace::Namespace;
use crate::runtime::{Current, Runtime, WAKE};
use crate::timers::Due;
use crate::{AckError, AcksError, Args, EventError, EventFault, Socket};
use std::cell::Cell;
use std::rc::Rc;

impl Runtime {
    /// Everything that happened since the last call, and what is to be done about it.
    pub(crate) fn handle(self: &Rc<Self>, now_ms: u64, happened: Vec<Happening>) -> Vec<Command> {
        let _current = Current::enter(self);
        self.now_ms.set(now_ms);
        self.restore_children(&happened);
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
            AppEvent::Connecting(connecting) => self.handle_connecting(connecting),
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
            AppEvent::Served(served) => self.handle_served(served),
            AppEvent::Answered(answered) => self.handle_answered(answered),
            AppEvent::Sharing(sharing) => self.handle_sharing(sharing),
            AppEvent::Denied(denied) => self.handle_denied(&denied),
            AppEvent::Room(change) => self.handle_room(change),
        }
    }

    /// The child namespaces of sockets that were connected before this instance began: created before
    /// any of the sockets is served, because it takes only one of them to be accepted.
    fn restore_children(self: &Rc<Self>, happened: &[Happening]) {
        if self.parents.borrow().is_empty() {
            return;
        }
        for happening in happened {
            if let Happening::Event(AppEvent::Resumed(resumed)) = happening {
                let info = &resumed.info;
                let _ = self.find_namespace(&info.namespace, &info.handshake);
            }
        }
    }

    fn handle_connecting(self: &Rc<Self>, connecting: Connecting) {
        let Connecting { info, recovered } = connecting;
        let number = info.socket;
        let Some(handlers) = self.find_namespace(&info.namespace, &info.handshake) else {
            return self.order(
                number,
                Act::Refuse(Refusal {
                    message: "Invalid namespace".to_owned(),
                    data: None,
                }),
            );
        };
        let is_asked = !recovered
            .as_ref()
            .is_some_and(|recovered| recovered.skip_middlewares);
        let namespace = Namespace::new(Rc::clone(self), Rc::clone(&handlers));
        let socket = Socket::connecting(namespace, info, recovered);
        // What a middleware does with the socket happens after it is let in.
        let mark = self.mark();
        let middlewares = if is_asked {
            handlers.middlewares()
        } else {
            Vec::new()
        };
        for middleware in middlewares {
            if let Err(error) = middleware(&socket) {
                self.let_go(&socket);
                self.clean_up(&handlers);
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
        self.count_rooms(&resumed);
        let info = &resumed.info;
        let Some(handlers) = self.find_namespace(&info.namespace, &info.handshake) else {
            if !self.parents.borrow().is_empty() {
                // No parent accepts it any more: nobody would ever answer it.
                self.order(info.socket, Act::Disconnect(false));
            }
            return;
        };
        let namespace = Namespace::new(Rc::clone(self), handlers);
        self.serve(Socket::from_resumed(namespace, resumed));
    }

    /// Gives a socket to the connection handlers.
    fn serve(&self, socket: Socket) {
        let here = &socket.namespace().handlers().sockets;
        if !socket.is_connected() {
            return self.clean_up(socket.namespace().handlers());
        }
        let before = self
            .sockets
            .borrow_mut()
            .insert(socket.number(), socket.clone());
        if before.is_none() {
            here.set(here.get() + 1);
        }
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
        let fail = |error: EventFault| {
            self.tell_error(
                &socket,
                EventError {
                    event: event.clone(),
                    args: args.clone(),
                    error,
                },
            );
        };
        if let Err(rejection) = socket.ask_middlewares(&event, &args) {
            return fail(rejection.into());
        }
        if !socket.is_connected() {
            return;
        }
        let ack = message.ack.map(|ack| Rc::new(Cell::new(Some(ack))));
        for call in socket.listeners().take_event(&event) {
            if let Err(error) = call(&socket, &args, ack.clone()) {
                fail(error.into());
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
        if !reason.ends_with("namespace disconnect") {
            socket.mark_lost();
        }
        let handlers = socket.namespace().handlers();
        handlers
            .sockets
            .set(handlers.sockets.get().saturating_sub(1));
        self.clean_up(handlers);
    }

    /// Nothing is heard from a socket any more.
    fn let_go(&self, socket: &Socket) {
        socket.mark_gone();
        for ack in socket.take_pending() {
            self.fail(ack, AckError::Disconnected);
        }
        socket.forget_listeners();
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
                Due::Question(token) => self.question_late(token),
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
