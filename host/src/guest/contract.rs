//! The contract of `wit/` as Rust types, generated. Used by everything that talks to guests; there
//! are no other types for the same things, and no conversions.

/// The protocol guest's world.
#[expect(
    missing_docs,
    reason = "generated; the documentation is in the WIT files"
)]
pub mod protocol_world {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "protocol",
        additional_derives: [PartialEq],
    });
}

/// The app guests' world. It shares the protocol world's types, so what one guest says is handed to
/// the other as it is.
#[expect(
    missing_docs,
    reason = "generated; the documentation is in the WIT files"
)]
pub mod app_world {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "app",
        additional_derives: [PartialEq],
        with: {
            "holdfast:edge/types": super::protocol_world::exports::holdfast::edge::types,
        },
    });
}

pub use app_world::exports::holdfast::edge::app_guest::{
    Command, Context, Fetched, Happening, IncomingResponse, OutgoingRequest, SetTimer,
};
pub use protocol_world::exports::holdfast::edge::protocol_guest::{
    Accept, Action, Attach, Body, Cause, Close, Closed, Collect, Collected, Commanded, Decided,
    Deflate, Description, Dispatch, Drained, Event, Frame, FrameKind, Fresh, HandOut, Happened,
    Loaded, Lost, Note, Published, ReceivedFrame, Request, Response, Save, SavedSession, Send,
    SentFrame, Setting, Transport, Write,
};
pub use protocol_world::exports::holdfast::edge::types::{
    Act, AppEvent, Header, Level, LogLine, Manifest, Order, Payload,
};
