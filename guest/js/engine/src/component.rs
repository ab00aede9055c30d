//! The component: the engine's one instance behind the contract's functions. Called by the host; decides
//! nothing.

use crate::Engine;
use crate::bindings::app_guest::{Command, Context, Guest, Happening, Manifest};
use std::cell::RefCell;

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// Called when the component is built: what it leaves in memory is shipped.
#[unsafe(export_name = "holdfast-prepare")]
#[expect(unsafe_code, reason = "a name that no other function has")]
extern "C" fn prepare() {
    ENGINE.set(Engine::prepare().ok());
}

struct Component;

impl Guest for Component {
    fn start(context: Context) -> Result<Manifest, String> {
        if ENGINE.with_borrow(Option::is_none) {
            ENGINE.set(Some(Engine::prepare()?));
        }
        ENGINE.with_borrow(|engine| match engine {
            Some(engine) => engine.start(context),
            None => Err("the engine could not be prepared".to_owned()),
        })
    }

    fn handle(now_ms: u64, happened: Vec<Happening>) -> Vec<Command> {
        ENGINE.with_borrow(|engine| match engine {
            Some(engine) => engine.handle(now_ms, happened),
            None => Vec::new(),
        })
    }
}

crate::bindings::export!(Component with_types_in crate::bindings);
