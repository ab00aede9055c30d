//! The state of one app instance: what all handles (`Io`, `Namespace`, `Socket`, …) share.
//!
//! Nothing here is borrowed while a function of the app runs: whatever such a function does ends in
//! one of these cells and in the list of commands, which goes to the host when `handle` returns.

use crate::acks::{Acks, Awaited, OnAck, OnAcks, Pending};
use crate::admission::{Cors, Judge, OnDenied};
use crate::bindings::exports::holdfast::edge::app_guest::{Command, Context, Manifest, SetTimer};
use crate::bindings::exports::holdfast::edge::types::{Act, Order};
use crate::fetch::Fetch;
use crate::http::Exchange;
use crate::limits::{ACK_COUNTER_BITS, NAMESPACES_MAX};
use crate::namespace::Handlers;
use crate::numbers::NumberMap;
use crate::parent::Parent;
use crate::room_events::RoomCounts;
use crate::scope::Scope;
use crate::servers::Question;
use crate::state::Extensions;
use crate::tasks::Tasks;
use crate::timers::{Due, Timers, milliseconds};
use crate::{AckError, AcksError, Io, Namespace, Socket};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

thread_local! {
    /// The instance whose functions run now, for the log.
    static CURRENT: RefCell<Option<Rc<Runtime>>> = const { RefCell::new(None) };
}

/// The number of the one timer that the host is asked for.
pub(crate) const WAKE: u64 = 0;

/// Hears of a new namespace.
pub(crate) type OnNamespace = Rc<dyn Fn(&Namespace)>;

/// One app instance.
pub(crate) struct Runtime {
    pub(crate) env: Vec<(String, String)>,
    pub(crate) seed: u128,
    pub(crate) shards: u32,
    pub(crate) instances: u32,
    pub(crate) place: u32,
    pub(crate) now_ms: Cell<u64>,
    /// Whether the manifest is given: from then on no namespace can be added.
    started: Cell<bool>,
    next_number: Cell<u64>,
    commands: RefCell<Vec<Command>>,
    /// Functions that must not run inside the function that caused them.
    deferred: RefCell<VecDeque<Box<dyn FnOnce()>>>,
    pub(crate) namespaces: RefCell<BTreeMap<String, Rc<Handlers>>>,
    /// Whose children are among the namespaces.
    pub(crate) parents: RefCell<Vec<Rc<Parent>>>,
    /// How many children there are.
    pub(crate) children: Cell<usize>,
    /// Whether children without sockets are forgotten.
    pub(crate) cleans_up: Cell<bool>,
    pub(crate) new_namespace: RefCell<Vec<OnNamespace>>,
    pub(crate) sockets: RefCell<NumberMap<Socket>>,
    /// Those that async middlewares have not decided about.
    pub(crate) connecting: RefCell<NumberMap<Socket>>,
    /// Whether any socket ever had an outgoing listener.
    pub(crate) hears_outgoing: Cell<bool>,
    pub(crate) hears_rooms: Cell<bool>,
    pub(crate) rooms: RoomCounts,
    pub(crate) acks: Acks,
    pub(crate) fetches: RefCell<BTreeMap<u64, Fetch>>,
    pub(crate) questions: RefCell<BTreeMap<u64, Question>>,
    /// HTTP requests under way.
    pub(crate) exchanges: RefCell<BTreeMap<u64, Exchange>>,
    pub(crate) timers: Timers,
    pub(crate) tasks: Tasks,
    /// What of the app runs now.
    pub(crate) scope: RefCell<Scope>,
    /// What the app gave to `Io::manage`.
    pub(crate) states: Extensions,
    pub(crate) settings: RefCell<BTreeMap<String, String>>,
    pub(crate) judge: RefCell<Option<Judge>>,
    pub(crate) cors: RefCell<Option<Cors>>,
    pub(crate) denials: RefCell<Vec<OnDenied>>,
    pub(crate) stopping: RefCell<Vec<Rc<dyn Fn()>>>,
}

impl Runtime {
    /// An instance, and what it declares after `build` has attached its handlers.
    pub(crate) fn start(
        context: Context,
        name: &str,
        version: &str,
        build: impl FnOnce(&Io) -> Result<(), String>,
    ) -> Result<(Rc<Self>, Manifest), String> {
        let runtime = Rc::new(Self {
            seed: u128::from(context.seed_high) << 64 | u128::from(context.seed_low),
            env: context.env,
            shards: context.shards.max(1),
            instances: context.instances.max(1),
            place: context.place,
            now_ms: Cell::new(context.now_ms),
            started: Cell::new(false),
            next_number: Cell::new(context.first_ack),
            commands: RefCell::default(),
            deferred: RefCell::default(),
            namespaces: RefCell::default(),
            parents: RefCell::default(),
            children: Cell::new(0),
            cleans_up: Cell::new(false),
            new_namespace: RefCell::default(),
            sockets: RefCell::default(),
            connecting: RefCell::default(),
            hears_outgoing: Cell::new(false),
            hears_rooms: Cell::new(false),
            rooms: RoomCounts::default(),
            acks: Acks::default(),
            fetches: RefCell::default(),
            questions: RefCell::default(),
            exchanges: RefCell::default(),
            timers: Timers::default(),
            tasks: Tasks::default(),
            scope: RefCell::default(),
            states: Extensions::default(),
            settings: RefCell::default(),
            judge: RefCell::default(),
            cors: RefCell::default(),
            denials: RefCell::default(),
            stopping: RefCell::default(),
        });
        let _current = Current::enter(&runtime);
        let io = Io::new(Rc::clone(&runtime));
        runtime.tasks.begin();
        runtime.within(Scope::Start, || build(&io))?;
        if runtime.namespaces.borrow().is_empty() {
            io.declare();
        }
        runtime.settle();
        runtime.started.set(true);
        let mut namespaces: Vec<String> = runtime.namespaces.borrow().keys().cloned().collect();
        if namespaces.len() > NAMESPACES_MAX {
            crate::log::error!(
                "{} namespaces are declared, {NAMESPACES_MAX} is the limit",
                namespaces.len()
            );
            namespaces.truncate(NAMESPACES_MAX);
        }
        let manifest = Manifest {
            name: name.to_owned(),
            version: version.to_owned(),
            namespaces,
            dynamic: !runtime.parents.borrow().is_empty(),
            judges_handshakes: runtime.judge.borrow().is_some(),
            decides_cors: runtime.cors.borrow().is_some(),
            hears_denials: !runtime.denials.borrow().is_empty(),
            hears_rooms: runtime.hears_rooms.get(),
            settings: runtime.settings.take().into_iter().collect(),
        };
        Ok((runtime, manifest))
    }

    /// The instance whose functions run now.
    pub(crate) fn current() -> Option<Rc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started.get()
    }

    /// Queues a command.
    pub(crate) fn push(&self, command: Command) {
        self.commands.borrow_mut().push(command);
    }

    /// Queues an order for a socket.
    pub(crate) fn order(&self, socket: u64, act: Act) {
        self.push(Command::Order(Order {
            socket: Some(socket),
            act,
        }));
    }

    /// Queues an order without a socket.
    pub(crate) fn order_all(&self, act: Act) {
        self.push(Command::Order(Order { socket: None, act }));
    }

    /// How many commands are queued.
    pub(crate) fn mark(&self) -> usize {
        self.commands.borrow().len()
    }

    /// Queues an order for a socket before those that were queued since the mark.
    pub(crate) fn order_at(&self, mark: usize, socket: u64, act: Act) {
        let mut commands = self.commands.borrow_mut();
        let mark = mark.min(commands.len());
        commands.insert(
            mark,
            Command::Order(Order {
                socket: Some(socket),
                act,
            }),
        );
    }

    /// Runs a function after the one that runs now.
    pub(crate) fn defer(&self, call: impl FnOnce() + 'static) {
        self.deferred.borrow_mut().push_back(Box::new(call));
    }

    pub(crate) fn run_deferred(&self) {
        loop {
            let next = self.deferred.borrow_mut().pop_front();
            let Some(call) = next else { return };
            call();
        }
    }

    /// Runs everything that the last happening has made ready.
    pub(crate) fn settle(&self) {
        self.run_deferred();
        self.run_tasks();
    }

    /// All commands, with a wake-up for the earliest timer.
    pub(crate) fn take_commands(&self) -> Vec<Command> {
        if self.tasks.is_ready() {
            self.timers
                .add(self.now_ms.get().saturating_add(1), Due::Tasks);
        }
        if let Some(delay_ms) = self.timers.arm(self.now_ms.get()) {
            self.push(Command::SetTimer(SetTimer {
                timer: WAKE,
                delay_ms,
            }));
        }
        self.commands.take()
    }

    /// A number that was not used lately: for acknowledgements, and as a token. It counts up and, after
    /// 2^43 of them, around; the bits above are this instance's place.
    pub(crate) fn fresh_number(&self) -> u64 {
        const COUNTER: u64 = (1 << ACK_COUNTER_BITS) - 1;
        let number = self.next_number.get();
        let next = (number & !COUNTER) | (number.wrapping_add(1) & COUNTER);
        self.next_number.set(next);
        number
    }

    /// The time in so long.
    pub(crate) fn later(&self, after: Duration) -> u64 {
        self.now_ms.get().saturating_add(milliseconds(after))
    }

    /// A number under which one socket is to acknowledge, in time or until it is disconnected. None, and
    /// `done` hears why, when it is not to be sent.
    pub(crate) fn await_ack(
        &self,
        socket: &Socket,
        timeout: Option<Duration>,
        done: OnAck,
    ) -> Option<u64> {
        if self.acks.is_full() || socket.has_many_pending() {
            self.defer(move || done(Err(AckError::TooMany)));
            return None;
        }
        let number = self.fresh_number();
        let timer =
            timeout.and_then(|timeout| self.timers.add(self.later(timeout), Due::Ack(number)));
        socket.add_pending(number);
        self.acks.add(
            number,
            Pending {
                timer,
                from: Awaited::One {
                    socket: socket.clone(),
                    done,
                },
            },
        );
        Some(number)
    }

    /// A number under which the receivers of a broadcast are to acknowledge, likewise.
    pub(crate) fn await_acks(&self, timeout: Duration, done: OnAcks) -> Option<u64> {
        if self.acks.is_full() {
            self.defer(move || {
                done(Err(AcksError {
                    answers: Vec::new(),
                    cause: AckError::TooMany,
                }))
            });
            return None;
        }
        let number = self.fresh_number();
        let timer = self.timers.add(self.later(timeout), Due::Ack(number));
        let from = Awaited::All {
            answers: Vec::new(),
            answered: BTreeSet::new(),
            receivers: 0,
            uncounted_shards: self.shards,
            done,
        };
        self.acks.add(number, Pending { timer, from });
        Some(number)
    }

    /// Lets go of all functions of the app, which may hold this instance.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn close(&self) {
        let sockets = [self.sockets.take(), self.connecting.take()];
        for socket in sockets.iter().flat_map(NumberMap::values) {
            socket.forget_listeners();
        }
        drop(sockets);
        self.tasks.close();
        self.states.clear();
        drop(self.exchanges.take());
        drop(self.namespaces.take());
        for parent in self.parents.take() {
            parent.close();
        }
        drop(self.new_namespace.take());
        drop(self.fetches.take());
        drop(self.questions.take());
        drop(self.deferred.take());
        drop(self.judge.take());
        drop(self.cors.take());
        drop(self.denials.take());
        drop(self.stopping.take());
        self.acks.close();
        self.timers.close();
    }
}

/// Makes an instance the current one, and afterwards the one that was.
pub(crate) struct Current(Option<Rc<Runtime>>);

impl Current {
    pub(crate) fn enter(runtime: &Rc<Runtime>) -> Self {
        Self(CURRENT.replace(Some(Rc::clone(runtime))))
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}
