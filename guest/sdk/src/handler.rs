//! Which functions can handle an event: sync or async, with parameters that say what they need. Used by
//! `Socket::on` and `once`; the parameters themselves are in `extract`.

use crate::ack::AckNumber;
use crate::component::Outcome;
use crate::extract::FromEvent;
use crate::tasks::{LocalFuture, Step};
use crate::{Args, ArgsError, Socket, log};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// One message on its way to one listener.
pub struct Call<'a> {
    pub(crate) socket: &'a Socket,
    pub(crate) event: &'a Rc<str>,
    pub(crate) args: &'a Args,
    pub(crate) ack: &'a Option<AckNumber>,
    /// How many of the arguments the parameters before have taken.
    pub(crate) taken: Cell<usize>,
}

/// What a handler gives: nothing or an error for the log, now or later.
pub(crate) type Ran = Step<Result<(), String>>;
/// Takes an event.
pub(crate) type OnEvent = Rc<dyn Fn(&Call<'_>) -> Result<Ran, ArgsError>>;

/// A function that can handle an event: see [`Socket::on`](crate::Socket::on), which says what its
/// parameters may be. The type `M` is found by the compiler.
#[diagnostic::on_unimplemented(
    message = "this function cannot handle an event",
    label = "not a handler of events",
    note = "a handler is a closure or function, sync or async, with up to 7 parameters; the first may be `&Socket`; each other one is \
            `Socket`, `Io`, `Ack`, `State<T>`, `Auth<T>`, `Query<T>`, `EventName`, or what the client sent: any type that implements \
            `serde::de::DeserializeOwned` (`String`, `(String, u32)`, `Args`, `Binary`, your own)",
    note = "it returns nothing or a `Result<(), E>` whose error implements `Display`; what an async handler changes is kept in a \
            `Cell` or `RefCell`, because it may be called again while it waits"
)]
pub trait Handler<M>: 'static {
    /// As the listeners keep it.
    #[doc(hidden)]
    fn into_listener(self) -> Listening;
}

/// The same for the next event only: the function may use up what it holds. See
/// [`Socket::once`](crate::Socket::once).
#[diagnostic::on_unimplemented(
    message = "this function cannot handle an event",
    label = "not a handler of events",
    note = "its parameters and what it returns are those of `Handler`, see `Socket::on`"
)]
pub trait OnceHandler<M>: 'static {
    /// As the listeners keep it.
    #[doc(hidden)]
    fn into_listener_once(self) -> Listening;
}

/// A handler whose kind is forgotten.
pub struct Listening(pub(crate) OnEvent);

/// Handlers that return when they are done. For the compiler.
pub struct Sync;
/// Handlers that return a future. For the compiler.
pub struct Async;
/// Handlers whose first parameter is `&Socket`. For the compiler.
pub struct BySocket;

/// Calls a handler that may change its own variables. It cannot be running already: nothing that an
/// app can do calls a listener before the present one returns.
pub(crate) fn call_mut<F, T>(handler: &RefCell<F>, run: impl FnOnce(&mut F) -> T) -> Option<T> {
    if let Ok(mut handler) = handler.try_borrow_mut() {
        Some(run(&mut handler))
    } else {
        log::error!("a listener was called inside itself");
        None
    }
}

fn now(outcome: Option<Result<(), String>>) -> Ran {
    Step::Now(outcome.unwrap_or(Ok(())))
}

fn later(future: impl Future<Output = Result<(), String>> + 'static) -> Ran {
    let future: LocalFuture<_> = Box::pin(future);
    Step::Later(future)
}

macro_rules! handlers {
    ($($param:ident $marker:ident),*) => {
        impl<Fun, Out, $($param, $marker),*> Handler<(Sync, Out, $($param, $marker),*)> for Fun
        where
            Fun: FnMut($($param),*) -> Out + 'static,
            Out: Outcome,
            $($param: FromEvent<$marker> + 'static),*
        {
            #[allow(non_snake_case, unused_variables, reason = "a macro for any number of parameters")]
            fn into_listener(self) -> Listening {
                let handler = RefCell::new(self);
                Listening(Rc::new(move |call| {
                    $(let $param = $param::from_event(call)?;)*
                    Ok(now(call_mut(&handler, |handler| handler($($param),*).outcome())))
                }))
            }
        }

        impl<Fun, Out, $($param, $marker),*> Handler<(Sync, BySocket, Out, $($param, $marker),*)> for Fun
        where
            Fun: FnMut(&Socket, $($param),*) -> Out + 'static,
            Out: Outcome,
            $($param: FromEvent<$marker> + 'static),*
        {
            #[allow(non_snake_case, reason = "a macro for any number of parameters")]
            fn into_listener(self) -> Listening {
                let handler = RefCell::new(self);
                Listening(Rc::new(move |call| {
                    $(let $param = $param::from_event(call)?;)*
                    Ok(now(call_mut(&handler, |handler| handler(call.socket, $($param),*).outcome())))
                }))
            }
        }

        impl<Fun, Out, $($param, $marker),*> Handler<(Async, Out, $($param, $marker),*)> for Fun
        where
            Fun: AsyncFn($($param),*) -> Out + 'static,
            Out: Outcome,
            $($param: FromEvent<$marker> + 'static),*
        {
            #[allow(non_snake_case, unused_variables, reason = "a macro for any number of parameters")]
            fn into_listener(self) -> Listening {
                let handler = Rc::new(self);
                Listening(Rc::new(move |call| {
                    $(let $param = $param::from_event(call)?;)*
                    let handler = Rc::clone(&handler);
                    Ok(later(async move { handler($($param),*).await.outcome() }))
                }))
            }
        }

        impl<Fun, Out, $($param, $marker),*> Handler<(Async, BySocket, Out, $($param, $marker),*)> for Fun
        where
            Fun: AsyncFn(&Socket, $($param),*) -> Out + 'static,
            Out: Outcome,
            $($param: FromEvent<$marker> + 'static),*
        {
            #[allow(non_snake_case, reason = "a macro for any number of parameters")]
            fn into_listener(self) -> Listening {
                let handler = Rc::new(self);
                Listening(Rc::new(move |call| {
                    $(let $param = $param::from_event(call)?;)*
                    let handler = Rc::clone(&handler);
                    let socket = call.socket.clone();
                    Ok(later(async move { handler(&socket, $($param),*).await.outcome() }))
                }))
            }
        }

        impl<Fun, Out, $($param, $marker),*> OnceHandler<(Sync, Out, $($param, $marker),*)> for Fun
        where
            Fun: FnOnce($($param),*) -> Out + 'static,
            Out: Outcome,
            $($param: FromEvent<$marker> + 'static),*
        {
            #[allow(non_snake_case, unused_variables, reason = "a macro for any number of parameters")]
            fn into_listener_once(self) -> Listening {
                let handler = Cell::new(Some(self));
                Listening(Rc::new(move |call| {
                    $(let $param = $param::from_event(call)?;)*
                    Ok(now(handler.take().map(|handler| handler($($param),*).outcome())))
                }))
            }
        }

        impl<Fun, Out, $($param, $marker),*> OnceHandler<(Sync, BySocket, Out, $($param, $marker),*)> for Fun
        where
            Fun: FnOnce(&Socket, $($param),*) -> Out + 'static,
            Out: Outcome,
            $($param: FromEvent<$marker> + 'static),*
        {
            #[allow(non_snake_case, reason = "a macro for any number of parameters")]
            fn into_listener_once(self) -> Listening {
                let handler = Cell::new(Some(self));
                Listening(Rc::new(move |call| {
                    $(let $param = $param::from_event(call)?;)*
                    Ok(now(handler.take().map(|handler| handler(call.socket, $($param),*).outcome())))
                }))
            }
        }

        impl<Fun, Out, $($param, $marker),*> OnceHandler<(Async, Out, $($param, $marker),*)> for Fun
        where
            Fun: AsyncFnOnce($($param),*) -> Out + 'static,
            Out: Outcome,
            $($param: FromEvent<$marker> + 'static),*
        {
            #[allow(non_snake_case, unused_variables, reason = "a macro for any number of parameters")]
            fn into_listener_once(self) -> Listening {
                let handler = Cell::new(Some(self));
                Listening(Rc::new(move |call| {
                    $(let $param = $param::from_event(call)?;)*
                    let Some(handler) = handler.take() else { return Ok(now(None)) };
                    Ok(later(async move { handler($($param),*).await.outcome() }))
                }))
            }
        }

        impl<Fun, Out, $($param, $marker),*> OnceHandler<(Async, BySocket, Out, $($param, $marker),*)> for Fun
        where
            Fun: AsyncFnOnce(&Socket, $($param),*) -> Out + 'static,
            Out: Outcome,
            $($param: FromEvent<$marker> + 'static),*
        {
            #[allow(non_snake_case, reason = "a macro for any number of parameters")]
            fn into_listener_once(self) -> Listening {
                let handler = Cell::new(Some(self));
                Listening(Rc::new(move |call| {
                    $(let $param = $param::from_event(call)?;)*
                    let Some(handler) = handler.take() else { return Ok(now(None)) };
                    let socket = call.socket.clone();
                    Ok(later(async move { handler(&socket, $($param),*).await.outcome() }))
                }))
            }
        }
    };
}

handlers!();
handlers!(P1 M1);
handlers!(P1 M1, P2 M2);
handlers!(P1 M1, P2 M2, P3 M3);
handlers!(P1 M1, P2 M2, P3 M3, P4 M4);
handlers!(P1 M1, P2 M2, P3 M3, P4 M4, P5 M5);
handlers!(P1 M1, P2 M2, P3 M3, P4 M4, P5 M5, P6 M6);
handlers!(P1 M1, P2 M2, P3 M3, P4 M4, P5 M5, P6 M6, P7 M7);
