//! Values by their type: what the app gives to `Io::manage`, and what it keeps with a socket.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// One value of each type. It lives in the app's memory: nothing of it is sent anywhere, and a crash or
/// a swap loses it.
///
/// ```
/// # use holdfast_sdk::Socket;
/// # use std::cell::Cell;
/// struct Sent(Cell<u32>);
///
/// # fn connected(socket: &Socket) {
/// socket.extensions().insert(Sent(Cell::new(0)));
/// socket.on("say", |socket: &Socket, text: String| {
///     if let Some(sent) = socket.extensions().get::<Sent>() {
///         sent.0.set(sent.0.get() + 1);
///     }
///     socket.broadcast().emit("said", text);
/// });
/// # }
/// ```
#[derive(Default)]
pub struct Extensions(RefCell<BTreeMap<TypeId, Rc<dyn Any>>>);

impl Extensions {
    /// Keeps a value in place of the one of its type, which is given back.
    pub fn insert<T: 'static>(&self, value: T) -> Option<Rc<T>> {
        let before = self
            .0
            .borrow_mut()
            .insert(TypeId::of::<T>(), Rc::new(value));
        before?.downcast().ok()
    }

    /// The value of this type.
    #[must_use]
    pub fn get<T: 'static>(&self) -> Option<Rc<T>> {
        let value = self.0.borrow().get(&TypeId::of::<T>()).cloned();
        value?.downcast().ok()
    }

    /// The value of this type, which is made now if there is none.
    pub fn get_or_insert_with<T: 'static>(&self, make: impl FnOnce() -> T) -> Rc<T> {
        self.get().unwrap_or_else(|| {
            let value = Rc::new(make());
            let kept: Rc<dyn Any> = Rc::clone(&value) as Rc<dyn Any>;
            let before = self.0.borrow_mut().insert(TypeId::of::<T>(), kept);
            drop(before);
            value
        })
    }

    /// Forgets the value of this type and gives it back.
    pub fn remove<T: 'static>(&self) -> Option<Rc<T>> {
        let value = self.0.borrow_mut().remove(&TypeId::of::<T>());
        value?.downcast().ok()
    }

    /// Drops everything.
    pub(crate) fn clear(&self) {
        let values = self.0.take();
        drop(values);
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extensions({})", self.0.borrow().len())
    }
}
