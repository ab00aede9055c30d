//! The protocol guest as the component that is shipped: it imports nothing, and it answers as the same
//! source does in this process, byte for byte. Runs the simulation's seeds and the fuzzer's scripts
//! through both at once.

#[path = "fuzz/src/events.rs"]
mod events;

use crate::simulation;
use crate::support::guest::Guest;
use crate::support::node::target;
use events::Play;
use holdfast::guest::contract::protocol_world::exports::holdfast::edge as sandboxed;
use holdfast::guest::{GuestLimits, Module, ProtocolGuest, Runtime, Source, World};
use holdfast_protocol::Protocol;
use holdfast_protocol::contract as native;
use std::path::Path;
use std::sync::OnceLock;
use wasmparser::{Encoding, Parser, Payload};

/// The component, built once.
fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("tests/ has a parent");
        holdfast_guest_build::build_guest(
            &root.join("guest/protocol"),
            &target().join("guests"),
            "guest",
        )
        .expect("it builds")
    })
}

/// The component, compiled once.
fn module() -> &'static (Runtime, Module) {
    static MODULE: OnceLock<(Runtime, Module)> = OnceLock::new();
    MODULE.get_or_init(|| {
        let runtime = Runtime::new(&target().join("test-state")).expect("wasm runs here");
        let module = runtime
            .load(&Source::Bytes(component().to_vec()), World::Protocol)
            .expect("it fits");
        (runtime, module)
    })
}

/// The guest in its sandbox. There is an instance from `configure` on.
struct Sandboxed(Option<ProtocolGuest>);

impl Sandboxed {
    fn new() -> Self {
        Self(None)
    }

    fn guest(&mut self) -> &mut ProtocolGuest {
        self.0.as_mut().expect("configured first")
    }
}

impl Guest for Sandboxed {
    fn configure(&mut self, settings: Vec<native::Setting>) -> Result<(), String> {
        let (runtime, module) = module();
        let limits = GuestLimits {
            memory_bytes_max: 256 << 20,
            deadline_ms: 10_000,
        };
        let settings: Vec<sandboxed::protocol_guest::Setting> = settings.turn();
        let guest = ProtocolGuest::start(runtime, module, limits, &settings)
            .map_err(|error| error.to_string())?;
        self.0 = Some(guest);
        Ok(())
    }

    fn restore(
        &mut self,
        sessions: Vec<native::SavedSession>,
        notes: Vec<native::Note>,
    ) -> Result<(), String> {
        let sessions: Vec<sandboxed::protocol_guest::SavedSession> = sessions.turn();
        let notes: Vec<sandboxed::protocol_guest::Note> = notes.turn();
        self.guest().restore(&sessions, &notes).expect("no crash")
    }

    fn handle(&mut self, now_ms: u64, happened: native::Happened) -> native::Decided {
        self.guest()
            .handle(now_ms, &happened.turn())
            .expect("no crash")
            .turn()
    }
}

/// Both, side by side: every answer of one has to be that of the other.
struct Both(Protocol, Sandboxed);

impl Both {
    fn new() -> Self {
        Self(Protocol::new(), Sandboxed::new())
    }
}

impl Guest for Both {
    fn configure(&mut self, settings: Vec<native::Setting>) -> Result<(), String> {
        self.1.configure(settings.clone())?;
        self.0.configure(settings)
    }

    fn restore(
        &mut self,
        sessions: Vec<native::SavedSession>,
        notes: Vec<native::Note>,
    ) -> Result<(), String> {
        let sandboxed = self.1.restore(sessions.clone(), notes.clone());
        let native = self.0.restore(sessions, notes);
        assert_eq!(sandboxed, native);
        native
    }

    fn handle(&mut self, now_ms: u64, happened: native::Happened) -> native::Decided {
        let sandboxed = self.1.handle(now_ms, happened.clone());
        let native = self.0.handle(now_ms, happened);
        assert_eq!(sandboxed, native, "the component decides otherwise");
        native
    }
}

#[test]
fn the_component_imports_nothing() {
    let mut open = Vec::new();
    let mut exports = Vec::new();
    let mut cores = 0;
    for part in Parser::new(0).parse_all(component()) {
        match part.expect("a sound component") {
            Payload::Version { encoding, .. } => {
                cores += usize::from(encoding == Encoding::Module);
                open.push(encoding);
            }
            Payload::End(_) => drop(open.pop()),
            Payload::ComponentImportSection(section) if open.len() == 1 => {
                assert_eq!(section.count(), 0, "the component imports something");
            }
            Payload::ImportSection(section) => {
                let modules: Vec<String> = section
                    .into_iter()
                    .map(|import| format!("{:?}", import.expect("sound")))
                    .collect();
                assert!(modules.is_empty(), "a core module imports {modules:?}");
            }
            Payload::ComponentExportSection(section) if open.len() == 1 => {
                exports.extend(
                    section
                        .into_iter()
                        .map(|export| export.expect("sound").name.name.to_owned()),
                );
            }
            _ => {}
        }
    }
    // The types alone are an interface without functions.
    assert_eq!(
        exports,
        ["holdfast:edge/types@0.1.0", World::Protocol.interface()]
    );
    assert_eq!(cores, 1, "one core module");
}

#[test]
fn the_component_describes_itself_as_the_source_does() {
    let mut guest = Sandboxed::new();
    guest
        .configure(Vec::new())
        .expect("no settings are possible");
    let described: native::Description = guest.guest().description.clone().turn();
    assert_eq!(described, Protocol::new().describe());
    let wrong = native::Setting {
        key: "ping_interval".to_owned(),
        value: "soon".to_owned(),
    };
    let told = Protocol::new()
        .configure(vec![wrong.clone()])
        .expect_err("not a number");
    let refused = Sandboxed::new()
        .configure(vec![wrong])
        .expect_err("not a number");
    assert!(refused.contains(&told), "{refused}");
}

#[test]
fn the_component_and_the_source_play_the_same_simulation() {
    for seed in 1..=12 {
        let both = simulation::run(Both::new, seed, false);
        assert_eq!(both, simulation::run(Protocol::new, seed, false));
    }
}

#[test]
fn restored_components_play_the_same_simulation() {
    simulation::run(Both::new, 11, true);
}

#[test]
fn the_component_and_the_source_play_the_same_scripts() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/events");
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(corpus).expect("the fuzzer's seeds") {
        scripts.push(std::fs::read(entry.expect("an entry").path()).expect("a script"));
    }
    assert!(scripts.len() > 10, "few scripts");
    scripts.sort();
    // New ones out of the old: lines of all of them, shuffled.
    let lines: Vec<Vec<u8>> = scripts
        .iter()
        .flat_map(|script| script.split(|byte| *byte == b'\n'))
        .map(<[u8]>::to_vec)
        .collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..120 {
        let mut script = Vec::new();
        for _ in 0..80 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let line = &lines[(random >> 33) as usize % lines.len()];
            script.extend_from_slice(line);
            script.push(b'\n');
        }
        scripts.push(script);
    }
    let mut calls = 0;
    for script in &scripts {
        let mut play = Play::new(Both::new, script);
        play.run();
        calls += play.host.calls;
    }
    assert!(calls > 5_000, "the scripts led to {calls} calls only");
}

// ---------------------------------------------------------------------- the same types, twice

/// A value of the contract in one of its two Rust forms, turned into the other.
trait Turn<T> {
    fn turn(self) -> T;
}

impl<A: Turn<B>, B> Turn<Vec<B>> for Vec<A> {
    fn turn(self) -> Vec<B> {
        self.into_iter().map(Turn::turn).collect()
    }
}

impl<A: Turn<B>, B, C: Turn<D>, D> Turn<(B, D)> for (A, C) {
    fn turn(self) -> (B, D) {
        (self.0.turn(), self.1.turn())
    }
}

impl Turn<Result<String, String>> for Result<String, String> {
    fn turn(self) -> Result<String, String> {
        self
    }
}

impl<A: Turn<B>, B> Turn<Option<B>> for Option<A> {
    fn turn(self) -> Option<B> {
        self.map(Turn::turn)
    }
}

macro_rules! plain {
    ($($name:ty),*) => { $(
        impl Turn<$name> for $name {
            fn turn(self) -> $name {
                self
            }
        }
    )* };
}

macro_rules! records {
    ($module:ident: $($name:ident { $($field:ident),* })*) => { $(
        impl Turn<sandboxed::$module::$name> for native::$name {
            fn turn(self) -> sandboxed::$module::$name {
                sandboxed::$module::$name { $($field: self.$field.turn()),* }
            }
        }

        impl Turn<native::$name> for sandboxed::$module::$name {
            fn turn(self) -> native::$name {
                native::$name { $($field: self.$field.turn()),* }
            }
        }
    )* };
}

/// Cases with a value before the semicolon, cases without behind it.
macro_rules! variants {
    ($module:ident: $($name:ident { $($case:ident)*; $($bare:ident)* })*) => { $(
        impl Turn<sandboxed::$module::$name> for native::$name {
            fn turn(self) -> sandboxed::$module::$name {
                match self {
                    $(Self::$case(value) => sandboxed::$module::$name::$case(value.turn()),)*
                    $(Self::$bare => sandboxed::$module::$name::$bare,)*
                }
            }
        }

        impl Turn<native::$name> for sandboxed::$module::$name {
            fn turn(self) -> native::$name {
                match self {
                    $(Self::$case(value) => native::$name::$case(value.turn()),)*
                    $(Self::$bare => native::$name::$bare,)*
                }
            }
        }
    )* };
}

plain!(bool, u8, u16, u32, u64, String);

records! { types:
    Header { name, value }
    Handshake { headers, query, url, address, secure, cross_domain, issued_ms, auth }
    SocketInfo { socket, id, namespace, handshake, recovered }
    Audience { namespace, rooms, except }
    Payload { json, attachments }
    Resumed { info, rooms, data }
    Incoming { socket, payload, ack }
    Acknowledged { socket, ack, payload }
    Counted { ack, receivers }
    Departed { socket, reason, rooms }
    Found { token, sockets }
    Connecting { info, recovered }
    Recovered { rooms, data, skip_middlewares }
    Denied { handshake, code, message, context }
    RoomChange { namespace, room, change, socket }
    Served { namespace, payload, reply }
    ReturnAddress { place, token }
    Answered { token, payload }
    ServeReply { to, payload }
    Share { token, outcome }
    Judging { token, handshake }
    Order { socket, act }
    Refusal { message, data }
    Emission { payload, delivery, ack }
    Reply { ack, payload }
    Broadcast { to, payload, delivery, ack }
    AudienceRooms { to, rooms, local }
    AudienceDisconnect { to, local, close }
    Find { token, to, local }
    Serve { namespace, payload, reply }
    Judgement { token, refusal, initial_headers, headers }
    Manifest { name, version, namespaces, dynamic, judges_handshakes, decides_cors, hears_denials, hears_rooms, settings }
    LogLine { level, text }
}

variants! { types:
    AppEvent { Connecting Resumed Message Acked Counted Disconnected Found Served Answered Judging Sharing Denied Room; }
    RoomEvent { ; Created Joined Left Deleted }
    Act {
        Refuse Emit Reply Join Leave Disconnect SetData Broadcast AudienceJoin AudienceLeave
        AudienceDisconnect Find Serve ServeReply Judge Share; Admit
    }
    Level { ; Trace Debug Info Warn Error }
}

records! { protocol_guest:
    Description { name, version, mount_path, session_key, transports, blob_version_min, blob_version_max }
    Setting { key, value }
    SavedSession { session, blob, waiting }
    Note { number, bytes }
    Happened { events, frames, text, bytes }
    ReceivedFrame { connection, kind, length }
    Request { connection, transport, method, url, headers, address, secure, fresh }
    Fresh { id, seed_low, seed_high }
    Collected { connection, body }
    Drained { session, frames, compress }
    Closed { connection, cause }
    Loaded { app, manifest, resume, place }
    Commanded { app, orders, place, before, home }
    Lost { app, event }
    Published { channel, bytes }
    Decided { actions, sends, targets, frames, text, bytes }
    Send { targets, frames, volatile, compress }
    SentFrame { kind, length }
    Accept { connection, headers, receive_bytes_max, deflate }
    Deflate { threshold, level, window_bits }
    HandOut { connection, name, headers }
    Response { connection, status, headers, body, compress, last }
    Collect { connection, bytes_max }
    Attach { session, connection }
    Write { connection, frame }
    Close { connection, code, reason }
    Save { session, blob }
    Dispatch { app, place, events }
}

variants! { protocol_guest:
    Transport { ; Exchange Websocket ByteStream }
    FrameKind { ; Text Binary }
    Frame { Text Binary; }
    Body { Whole; TooLong }
    Cause { ; Peer Failed Invalid TooLong Slow }
    Event {
        Requested Collected Received Drained Closed Overflowed Loaded Unloaded Commanded Lost Published;
        Elapsed Stopping
    }
    Action {
        Accept Respond HandOut Collect Attach Detach Send Write Drain Close Save Forget WakeAt
        Note Erase Dispatch Publish
        Subscribe Unsubscribe Log;
    }
}

/// Each flag for itself.
macro_rules! flags {
    ($from:ty, $to:ty) => {
        impl Turn<$to> for $from {
            fn turn(self) -> $to {
                let mut flags = <$to>::empty();
                for (from, to) in [
                    (<$from>::VOLATILE, <$to>::VOLATILE),
                    (<$from>::UNCOMPRESSED, <$to>::UNCOMPRESSED),
                    (<$from>::LOCAL, <$to>::LOCAL),
                ] {
                    if self.contains(from) {
                        flags |= to;
                    }
                }
                flags
            }
        }
    };
}

flags!(native::Delivery, sandboxed::types::Delivery);
flags!(sandboxed::types::Delivery, native::Delivery);
