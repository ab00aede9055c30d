//! The component: the engine's one instance behind the contract's functions. Called by the host; decides
//! nothing.

use crate::Engine;
use crate::bindings::app_guest::{Command, Context, Guest, Happening, Manifest};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// Where the script of a component of its own is, and how long it is: written by `holdfast build --component`
/// (`guest/build`), which finds this by its name. Zeros in the engine as it is.
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "a name that no other item has")]
pub static HOLDFAST_SCRIPT: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

/// The script that was built in.
fn own_script() -> Option<String> {
    let [place, length] = &HOLDFAST_SCRIPT;
    let (place, length) = (
        place.load(Ordering::Relaxed),
        length.load(Ordering::Relaxed),
    );
    if place == 0 {
        return None;
    }
    // SAFETY: whoever wrote the numbers put so many bytes there, in pages that nobody else has.
    #[expect(
        unsafe_code,
        reason = "the script was put into memory by a data segment"
    )]
    let bytes = unsafe { std::slice::from_raw_parts(place as *const u8, length as usize) };
    String::from_utf8(bytes.to_vec()).ok()
}

/// Called when the component is built: what it leaves in memory is shipped.
#[unsafe(export_name = "holdfast-prepare")]
#[expect(unsafe_code, reason = "a name that no other function has")]
extern "C" fn prepare() {
    ENGINE.set(Engine::prepare().ok());
}

struct Component;

impl Guest for Component {
    fn start(mut context: Context) -> Result<Manifest, String> {
        if let Some(script) = own_script() {
            context.script = Some(script);
        }
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
