//! The export: what the host calls in a wasm component, and the macro that makes an app one.
//!
//! A panic in a handler ends the instance: the host sees a trap, drops what the call would have done,
//! starts the app anew and gives it its sockets back (`Socket::recovered`). Built for
//! `wasm32-unknown-unknown` the panic's message is lost, but the trap's backtrace names the function;
//! built for `wasm32-wasip2` it goes to standard error, which is the node's log.

use crate::Io;
use crate::bindings::exports::holdfast::edge::app_guest::{Command, Context, Happening, Manifest};
use crate::runtime::Runtime;
use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;

thread_local! {
    static APP: RefCell<Option<Rc<Runtime>>> = const { RefCell::new(None) };
}

/// What the function given to [`app!`](crate::app), and every handler, may return: nothing, or a `Result`
/// whose error is a sentence: of the app, for the operator, who finds it refused; of a handler, for the log.
#[diagnostic::on_unimplemented(
    message = "a handler returns nothing or a `Result<(), E>` with `E: Display`, not `{Self}`",
    label = "returns `{Self}`"
)]
pub trait Outcome {
    /// The error as text.
    ///
    /// # Errors
    /// When the app cannot start, or the handler failed.
    fn outcome(self) -> Result<(), String>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn outcome(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// The type of what never returns, which has no name of its own yet.
#[doc(hidden)]
pub trait Returned {
    /// It.
    type Type;
}

impl<T> Returned for fn() -> T {
    type Type = T;
}

/// A loop without end, or nothing but a panic.
impl Outcome for <fn() -> ! as Returned>::Type {
    fn outcome(self) -> Result<(), String> {
        self
    }
}

/// For the macro: the contract's `start`.
#[doc(hidden)]
pub fn start<O: Outcome>(
    context: Context,
    name: &str,
    version: &str,
    build: impl FnOnce(&Io) -> O,
) -> Result<Manifest, String> {
    let (runtime, manifest) = Runtime::start(context, name, version, |io| build(io).outcome())?;
    APP.set(Some(runtime));
    Ok(manifest)
}

/// For the macro: the contract's `handle`.
#[doc(hidden)]
#[must_use]
pub fn handle(now_ms: u64, happened: Vec<Happening>) -> Vec<Command> {
    let runtime = APP.with_borrow(Clone::clone);
    runtime
        .map(|runtime| runtime.handle(now_ms, happened))
        .unwrap_or_default()
}

/// Makes a crate an app: `holdfast_sdk::app!(app)`, where `fn app(io: &Io)` attaches the handlers. It may
/// return a `Result`. The manifest's name and version are those of the crate.
///
/// On other targets than wasm it only checks the function: tests drive it with `testing`.
#[macro_export]
macro_rules! app {
    ($build:path) => {
        const _: () = {
            struct App;

            impl $crate::bindings::exports::holdfast::edge::app_guest::Guest for App {
                fn start(
                    context: $crate::bindings::exports::holdfast::edge::app_guest::Context,
                ) -> ::std::result::Result<
                    $crate::bindings::exports::holdfast::edge::app_guest::Manifest,
                    ::std::string::String,
                > {
                    $crate::component::start(
                        context,
                        ::std::env!("CARGO_PKG_NAME"),
                        ::std::env!("CARGO_PKG_VERSION"),
                        $build,
                    )
                }

                fn handle(
                    now_ms: u64,
                    happened: ::std::vec::Vec<
                        $crate::bindings::exports::holdfast::edge::app_guest::Happening,
                    >,
                ) -> ::std::vec::Vec<$crate::bindings::exports::holdfast::edge::app_guest::Command>
                {
                    $crate::component::handle(now_ms, happened)
                }
            }

            #[cfg(target_family = "wasm")]
    $crate::bindings::export!(App with_types_in $crate::bindings);
        };
    };
}
