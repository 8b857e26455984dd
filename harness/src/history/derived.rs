//! What is worked out of a history for several who ask for it, once.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt::{Debug, Formatter},
    sync::{Arc, Mutex, PoisonError},
};

/// One value of a type. A history never changes, so neither does what follows from it.
#[derive(Default)]
pub(super) struct Derived(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Derived {
    /// The value of this type, worked out if it is not there. Not under the lock: working it out may ask for others, or panic.
    pub fn get<T: Send + Sync + 'static>(&self, work_out: impl FnOnce() -> T) -> Arc<T> {
        let known = self.all().get(&TypeId::of::<T>()).cloned();
        if let Some(known) = known.and_then(|known| known.downcast().ok()) {
            return known;
        }
        let value = Arc::new(work_out());
        self.all().insert(TypeId::of::<T>(), value.clone());
        value
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<TypeId, Arc<dyn Any + Send + Sync>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Derived {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Debug for Derived {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} derived", self.all().len())
    }
}
