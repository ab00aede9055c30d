//! How the chat answers: `{ok: true, …}` or `{ok: false, error}`.

use holdfast_sdk::serde::Serialize;
use holdfast_sdk::{Ack, json, serde};

#[derive(Serialize)]
#[serde(crate = "serde")]
struct Accepted<T> {
    ok: bool,
    #[serde(flatten)]
    rest: T,
}

/// Acknowledges with what was done, or why nothing was.
pub(crate) fn answer<T: Serialize>(ack: Ack, result: Result<T, String>) {
    match result {
        Ok(rest) => ack.send(Accepted { ok: true, rest }),
        Err(error) => ack.send(json!({ "ok": false, "error": error })),
    }
}
