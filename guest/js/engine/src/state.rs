//! What the natives and the engine share: commands to be given, sockets' handles, numbers, randomness.

use crate::bindings::app_guest::{Command, Context};
use crate::bindings::types::{Act, Level, LogLine, Order};
use crate::budget::Budget;
use crate::handles::Handles;
use crate::limits::{COMMANDS_MAX, COMMANDS_MEMORY_SHARE, LOG_LINES_MAX};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::cell::{Cell, RefCell};

/// Bits of a number that count up; the bits above are the instance's place.
const COUNTER: u64 = (1 << 43) - 1;
/// The deadline that counts while the library is loaded.
const PREPARING_MS: u32 = 60_000;
/// What a command weighs beside its text.
const COMMAND_BYTES: usize = 96;

pub(crate) struct State {
    commands: RefCell<Vec<Command>>,
    command_bytes: Cell<usize>,
    command_bytes_max: Cell<usize>,
    lines: Cell<usize>,
    pub(crate) handles: RefCell<Handles>,
    /// Handles to be freed when this call is over.
    pub(crate) ended: RefCell<Vec<u32>>,
    next_number: Cell<u64>,
    pub(crate) now_ms: Cell<u64>,
    random: RefCell<ChaCha12Rng>,
    pub(crate) budget: Budget,
}

impl State {
    /// The state before the host has said anything.
    pub(crate) fn new() -> Self {
        let budget = Budget::default();
        budget.set(PREPARING_MS);
        Self {
            commands: RefCell::default(),
            command_bytes: Cell::new(0),
            command_bytes_max: Cell::new(0),
            lines: Cell::new(0),
            handles: RefCell::default(),
            ended: RefCell::default(),
            next_number: Cell::new(1),
            now_ms: Cell::new(0),
            random: RefCell::new(ChaCha12Rng::from_seed([0; 32])),
            budget,
        }
    }

    /// Takes over what the host says at the start.
    pub(crate) fn begin(&self, context: &Context) {
        let mut seed = [0; 32];
        let words = [context.seed_low, context.seed_high].map(u64::to_le_bytes);
        for (place, byte) in seed.iter_mut().zip(words.as_flattened()) {
            *place = *byte;
        }
        self.random.replace(ChaCha12Rng::from_seed(seed));
        let bytes_max = context.memory_bytes_max / COMMANDS_MEMORY_SHARE;
        self.command_bytes_max
            .set(usize::try_from(bytes_max).unwrap_or(usize::MAX));
        self.next_number.set(context.first_ack);
        self.now_ms.set(context.now_ms);
        self.budget.set(context.deadline_ms);
    }

    /// Queues a command that has so many bytes of text. False: there are too many.
    #[must_use]
    pub(crate) fn push(&self, command: Command, bytes: usize) -> bool {
        let mut commands = self.commands.borrow_mut();
        let bytes = self
            .command_bytes
            .get()
            .saturating_add(bytes)
            .saturating_add(COMMAND_BYTES);
        if commands.len() >= COMMANDS_MAX || bytes > self.command_bytes_max.get() {
            return false;
        }
        self.command_bytes.set(bytes);
        commands.push(command);
        true
    }

    /// Queues an order for a socket, if its handle is one.
    #[must_use]
    pub(crate) fn order(&self, handle: u32, act: Act, bytes: usize) -> bool {
        let Some(socket) = self.handles.borrow().socket(handle) else {
            return true;
        };
        let socket = Some(socket);
        self.push(Command::Order(Order { socket, act }), bytes)
    }

    /// Queues an order without a socket.
    #[must_use]
    pub(crate) fn order_all(&self, act: Act, bytes: usize) -> bool {
        self.push(Command::Order(Order { socket: None, act }), bytes)
    }

    /// Writes a line to the log. Lines have room of their own, so that one about too many commands finds
    /// place; beyond it they are left out, as the host would.
    pub(crate) fn log(&self, level: Level, mut text: String) {
        crate::errors::cut(&mut text);
        let lines = self.lines.get();
        if lines < LOG_LINES_MAX {
            self.lines.set(lines + 1);
            self.commands
                .borrow_mut()
                .push(Command::Log(LogLine { level, text }));
        }
    }

    pub(crate) fn take_commands(&self) -> Vec<Command> {
        self.lines.set(0);
        self.command_bytes.set(0);
        let mut handles = self.handles.borrow_mut();
        for handle in self.ended.borrow_mut().drain(..) {
            handles.free(handle);
        }
        self.commands.take()
    }

    /// A number that was not used lately: for acknowledgements, and as a token.
    pub(crate) fn number(&self) -> u64 {
        let number = self.next_number.get();
        let next = (number & !COUNTER) | (number.wrapping_add(1) & COUNTER);
        self.next_number.set(next);
        number
    }

    /// A number from 0 up to, not including, 1: 53 bits.
    pub(crate) fn fraction(&self) -> f64 {
        (self.random.borrow_mut().next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn random(&self, bytes: &mut [u8]) {
        self.random.borrow_mut().fill_bytes(bytes);
    }
}
