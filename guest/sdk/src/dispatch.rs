//! From what happened to the app's functions: the one way in.

use crate::acks::{Awaited, Pending};
use crate::args::split_event;
use crate::bindings::exports::holdfast::edge::app_guest::{Command, Happening};
use crate::bindings::exports::holdfast::edge::types::{
    Acknowledged, Act, AppEvent, Connecting, Departed, Incoming, Refusal, Resumed,
};
use crate::handler::Call;
use crate::listeners::Ear;
use crate::namespace::{Check, Handlers, Namespace};
use crate::packet::{Packet, PacketCheck};
use crate::runtime::{Current, Runtime, WAKE};
use crate::scope::Scope;
use crate::tasks::Step;
use crate::timers::Due;
use crate::{AckError, AcksError, Args, ConnectError, EventError, EventFault, Socket};
use std::cell::Cell;
use std::rc::Rc;

impl Runtime {
    /// Everything that happened since the last call, and what is to be done about it.
    pub(crate) fn handle(self: &Rc<Self>, now_ms: u64, happened: Vec<Happening>) -> Vec<Command> {
        let _current = Current::enter(self);
        self.now_ms.set(now_ms);
        self.tasks.begin();
        self.restore_children(&happened);
        for happening in happened {
            match happening {
                Happening::Event(event) => self.handle_event(event),
                Happening::Elapsed(WAKE) => self.handle_elapsed(),
                // A timer of an earlier instance.
                Happening::Elapsed(_) => {}
                Happening::Fetched(fetched) => self.handle_fetched(fetched),
                Happening::Stopping => self.handle_stopping(),
            }
            self.settle();
        }
        self.settle();
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
        let middlewares = if is_asked {
            handlers.middlewares()
        } else {
            Vec::new()
        };
        if middlewares.iter().any(Check::is_async) {
            return self.ask_later(socket, middlewares);
        }
        // What a middleware does with the socket happens after it is let in.
        let mark = self.mark();
        for middleware in middlewares {
            let Check::Now(middleware) = middleware else {
                continue;
            };
            let verdict = self.within(Scope::Middleware(socket.clone()), || middleware(&socket));
            if let Err(error) = verdict {
                let refusal = self.refusal(&socket, error);
                return self.order_at(mark, number, refusal);
            }
        }
        self.order_at(mark, number, Act::Admit);
        self.serve(socket);
    }

    /// Asks middlewares of which some answer later. The client waits; what they do with the socket until
    /// then is kept until it is let in.
    fn ask_later(self: &Rc<Self>, socket: Socket, middlewares: Vec<Check>) {
        if !self.tasks.has_room() {
            let refusal = self.refusal(&socket, "too busy".into());
            return self.order(socket.number(), refusal);
        }
        socket.hold();
        let here = &socket.namespace().handlers().sockets;
        here.set(here.get() + 1);
        self.connecting
            .borrow_mut()
            .insert(socket.number(), socket.clone());
        let runtime = Rc::clone(self);
        let scope = Scope::Middleware(socket.clone());
        let asked = async move {
            let mut verdict = Ok(());
            for middleware in middlewares {
                verdict = match middleware {
                    Check::Now(middleware) => middleware(&socket),
                    Check::Later(middleware) => middleware(&socket).await,
                };
                if verdict.is_err() || socket.is_gone() {
                    break;
                }
            }
            // The client may have gone while it waited.
            let waits = runtime.connecting.borrow_mut().remove(&socket.number());
            if waits.is_none() {
                return;
            }
            let held = socket.release();
            let here = &socket.namespace().handlers().sockets;
            here.set(here.get().saturating_sub(1));
            if let Err(error) = verdict {
                let refusal = runtime.refusal(&socket, error);
                return runtime.order(socket.number(), refusal);
            }
            runtime.order(socket.number(), Act::Admit);
            for act in held {
                runtime.order(socket.number(), act);
            }
            runtime.serve(socket.clone());
        };
        self.start_task(scope, Box::pin(asked));
    }

    /// A client is turned away.
    fn refusal(&self, socket: &Socket, error: ConnectError) -> Act {
        self.let_go(socket, "server namespace disconnect");
        self.clean_up(socket.namespace().handlers());
        let data = error.data.map(|data| data.to_string());
        Act::Refuse(Refusal {
            message: error.message,
            data,
        })
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
            let scope = Scope::Connection(socket.clone());
            let ran = self.within(scope.clone(), || handler(&socket));
            self.finish_run(scope, ran);
        }
    }

    /// A handler has returned, or goes on as a task: an error is a line in the log.
    pub(crate) fn finish_run(&self, scope: Scope, ran: Step<Result<(), String>>) {
        match ran {
            Step::Now(Ok(())) => {}
            Step::Now(Err(reason)) => self.within(scope, || crate::log::error!("failed: {reason}")),
            Step::Later(future) => self.start_task(
                scope,
                Box::pin(async move {
                    if let Err(reason) = future.await {
                        crate::log::error!("failed: {reason}");
                    }
                }),
            ),
        }
    }

    fn handle_message(self: &Rc<Self>, message: Incoming) {
        let Some(socket) = self.sockets.borrow().get(&message.socket).cloned() else {
            return;
        };
        if !socket.is_connected() {
            return;
        }
        let Some((event, args)) = split_event(message.payload) else {
            crate::log::warn!("{socket:?}: a message without an event's name is dropped");
            return;
        };
        let scope = Scope::Event(socket.clone(), Rc::clone(&event));
        self.within(scope, || {
            self.take_message(&socket, Packet { event, args }, message.ack);
        });
    }

    /// Shows a message to those who hear all, and to the middlewares.
    fn take_message(self: &Rc<Self>, socket: &Socket, mut packet: Packet, ack: Option<u64>) {
        for call in socket.listeners().pick(|ear| match ear {
            Ear::Any(call) => Some(Rc::clone(call)),
            _ => None,
        }) {
            call(socket, &packet.event, packet.args.clone());
        }
        let checks = socket.packet_checks();
        let is_later = |check: &PacketCheck| matches!(check, PacketCheck::Later(_));
        if checks.iter().any(is_later) {
            return self.check_later(socket.clone(), packet, checks, ack);
        }
        for check in checks {
            let PacketCheck::Now(check) = check else {
                continue;
            };
            if let Err(rejection) = check(socket, &mut packet) {
                return self.tell_error(socket, &packet, rejection.into());
            }
        }
        self.deliver(socket, &packet, ack);
    }

    /// Asks middlewares of which some answer later. Messages that come meanwhile may overtake this one.
    fn check_later(
        self: &Rc<Self>,
        socket: Socket,
        mut packet: Packet,
        checks: Vec<PacketCheck>,
        ack: Option<u64>,
    ) {
        let runtime = Rc::clone(self);
        let checked = async move {
            for check in checks {
                let before = packet.clone();
                let verdict = match check {
                    PacketCheck::Now(check) => check(&socket, &mut packet).map(|()| packet),
                    PacketCheck::Later(check) => check(socket.clone(), packet).await,
                };
                packet = match verdict {
                    Ok(packet) => packet,
                    Err(rejection) => {
                        return runtime.tell_error(&socket, &before, rejection.into());
                    }
                };
            }
            runtime.deliver(&socket, &packet, ack);
        };
        self.start_task(self.scope(), Box::pin(checked));
    }

    /// Gives a message to the listeners of its name.
    fn deliver(&self, socket: &Socket, packet: &Packet, ack: Option<u64>) {
        if !socket.is_connected() {
            return;
        }
        let ack = ack.map(|ack| Rc::new(Cell::new(Some(ack))));
        for listener in socket.listeners().take_event(&packet.event) {
            let call = Call {
                socket,
                event: &packet.event,
                args: &packet.args,
                ack: &ack,
                taken: Cell::new(0),
            };
            match listener(&call) {
                Ok(Step::Now(Ok(()))) => {}
                Ok(ran) => self.finish_run(self.scope(), ran),
                Err(error) => self.tell_error(socket, packet, error.into()),
            }
        }
    }

    fn tell_error(&self, socket: &Socket, packet: &Packet, error: EventFault) {
        crate::log::warn!("{error}");
        let error = EventError {
            event: packet.event().to_owned(),
            args: packet.args.clone(),
            error,
        };
        for call in socket.listeners().pick(|ear| match ear {
            Ear::Error(call) => Some(Rc::clone(call)),
            _ => None,
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
        let reason = departed.reason.as_str();
        let waiting = self.connecting.borrow_mut().remove(&departed.socket);
        if let Some(socket) = waiting {
            self.let_go(&socket, reason);
            return self.count_out(socket.namespace().handlers());
        }
        let Some(socket) = self.sockets.borrow().get(&departed.socket).cloned() else {
            return;
        };
        socket.mark_leaving(departed.rooms);
        self.within(Scope::Disconnect(socket.clone()), || {
            for call in socket.listeners().pick(|ear| match ear {
                Ear::Disconnecting(call) => Some(Rc::clone(call)),
                _ => None,
            }) {
                call(&socket, reason);
            }
            socket.mark_gone();
            for call in socket.listeners().pick(|ear| match ear {
                Ear::Disconnected(call) => Some(Rc::clone(call)),
                _ => None,
            }) {
                call(&socket, reason);
            }
        });
        self.sockets.borrow_mut().remove(&departed.socket);
        self.let_go(&socket, reason);
        if !reason.ends_with("namespace disconnect") {
            socket.mark_lost();
        }
        self.count_out(socket.namespace().handlers());
    }

    /// A namespace has one socket fewer.
    fn count_out(&self, handlers: &Handlers) {
        handlers
            .sockets
            .set(handlers.sockets.get().saturating_sub(1));
        self.clean_up(handlers);
    }

    /// Nothing is heard from a socket any more.
    fn let_go(&self, socket: &Socket, reason: &str) {
        socket.mark_gone();
        for ack in socket.take_pending() {
            self.fail(ack, AckError::Disconnected);
        }
        socket.forget_listeners();
        socket.end(reason);
    }

    fn handle_elapsed(&self) {
        self.timers.disarm();
        let now_ms = self.now_ms.get();
        let before = self.timers.next_number();
        while let Some(due) = self.timers.take_due(now_ms, before) {
            match due {
                Due::Once(call) | Due::Again(call, _) => self.within(Scope::Timer, || call()),
                Due::Wake(alarm) => alarm.ring(),
                // That there is a call is all.
                Due::Tasks => {}
                Due::Ack(ack) => self.fail(ack, AckError::Timeout),
                Due::Fetch(token) => self.fetch_late(token),
                Due::Question(token) => self.question_late(token),
            }
            self.settle();
        }
    }

    fn handle_stopping(&self) {
        let calls = self.stopping.borrow().clone();
        for call in calls {
            self.within(Scope::Stopping, || call());
        }
    }
}
