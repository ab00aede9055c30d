//! One instance of the protocol guest. Called by `shard`, which decides what follows from a crash; it
//! never performs an action.

use super::contract::protocol_world::{Protocol, ProtocolPre};
use super::contract::{Decided, Description, Happened, Note, SavedSession, Setting};
use super::limits::{Crash, GuestLimits};
use super::module::{GuestError, Module};
use super::runtime::Runtime;
use wasmtime::component::Linker;
use wasmtime::{Store, StoreLimits};

/// A protocol guest with empty state, or with what `restore` gave it.
pub struct ProtocolGuest {
    store: Store<StoreLimits>,
    bindings: Protocol,
    limits: GuestLimits,
    /// What the guest says of itself.
    pub description: Description,
}

impl ProtocolGuest {
    /// Instantiates and configures the guest. It gets an empty linker: it can call nothing.
    ///
    /// # Errors
    /// When it does not fit the contract, refuses a setting (with its sentence) or crashes.
    pub fn start(
        runtime: &Runtime,
        module: &Module,
        limits: GuestLimits,
        settings: &[Setting],
    ) -> Result<Self, GuestError> {
        let wrong = |error: &wasmtime::Error| GuestError::WrongWorld {
            origin: module.origin.clone(),
            reason: format!("{error:#}"),
        };
        let crashed = |error: &wasmtime::Error| GuestError::Crashed {
            origin: module.origin.clone(),
            reason: Crash::new(error).to_string(),
        };
        let linker = Linker::new(runtime.engine());
        let prepared = linker
            .instantiate_pre(&module.component)
            .map_err(|error| wrong(&error))?;
        let prepared = ProtocolPre::new(prepared).map_err(|error| wrong(&error))?;
        let mut store = Store::new(runtime.engine(), limits.store());
        store.limiter(|limits| limits);
        store.set_epoch_deadline(limits.ticks());
        let bindings = prepared
            .instantiate(&mut store)
            .map_err(|error| crashed(&error))?;
        let guest = bindings.holdfast_edge_protocol_guest();
        guest
            .call_configure(&mut store, settings)
            .map_err(|error| crashed(&error))?
            .map_err(|reason| GuestError::Refused {
                origin: module.origin.clone(),
                reason,
            })?;
        let description = guest
            .call_describe(&mut store)
            .map_err(|error| crashed(&error))?;
        check(&description).map_err(|reason| GuestError::Refused {
            origin: module.origin.clone(),
            reason,
        })?;
        Ok(Self {
            store,
            bindings,
            limits,
            description,
        })
    }

    /// Gives the guest the sessions it is to go on with.
    ///
    /// # Errors
    /// The crash, or the guest's sentence when it cannot read a blob.
    pub fn restore(
        &mut self,
        sessions: &[SavedSession],
        notes: &[Note],
    ) -> Result<Result<(), String>, Crash> {
        self.store.set_epoch_deadline(self.limits.ticks());
        self.bindings
            .holdfast_edge_protocol_guest()
            .call_restore(&mut self.store, sessions, notes)
            .map_err(|error| Crash::new(&error))
    }

    /// Tells what happened and returns what is to be done. After an error the instance is dead.
    ///
    /// # Errors
    /// When the call did not return: nothing of it has happened.
    pub fn handle(&mut self, now_ms: u64, happened: &Happened) -> Result<Decided, Crash> {
        self.store.set_epoch_deadline(self.limits.ticks());
        self.bindings
            .holdfast_edge_protocol_guest()
            .call_handle(&mut self.store, now_ms, happened)
            .map_err(|error| Crash::new(&error))
    }
}

/// What the host cannot route with is refused before listening.
fn check(description: &Description) -> Result<(), String> {
    let path = &description.mount_path;
    if !path.starts_with('/')
        || path.len() < 2
        || path.ends_with('/')
        || path.contains(['?', '#', ' '])
    {
        return Err(format!("its mount path {path:?} is not of the form /name"));
    }
    if description.session_key.is_empty() {
        return Err("it names no session key".to_owned());
    }
    Ok(())
}
