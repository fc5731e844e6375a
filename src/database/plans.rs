//! Compiled operations, by the numbers that callers know them by.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::error::{Code, Error, Result};

/// Names a compiled operation in later calls.
pub type PlanId = u32;

pub struct Plans<P>(RwLock<Slots<P>>);

struct Slots<P> {
    plans: Vec<Option<Arc<P>>>,
    free: Vec<PlanId>,
}

impl<P> Default for Plans<P> {
    fn default() -> Self {
        Self(RwLock::new(Slots {
            plans: Vec::new(),
            free: Vec::new(),
        }))
    }
}

impl<P> Plans<P> {
    pub fn insert(&self, plan: P) -> PlanId {
        let mut slots = self.0.write();
        let plan = Some(Arc::new(plan));
        if let Some(id) = slots.free.pop() {
            slots.plans[id as usize] = plan;
            return id;
        }
        slots.plans.push(plan);
        // Plans are released before there are that many; see the cache in js/.
        (slots.plans.len() - 1) as PlanId
    }

    pub fn get(&self, id: PlanId) -> Result<Arc<P>> {
        let slots = self.0.read();
        let plan = slots.plans.get(id as usize).and_then(Option::as_ref);
        plan.cloned().ok_or_else(|| {
            Error::new(
                Code::Internal,
                "an operation was run whose plan had been released",
            )
        })
    }

    pub fn release(&self, id: PlanId) {
        let mut slots = self.0.write();
        let plan = slots.plans.get_mut(id as usize).and_then(Option::take);
        if plan.is_some() {
            slots.free.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_was_released_is_gone_and_its_number_is_used_again() {
        let plans = Plans::default();
        let first = plans.insert("first");
        let second = plans.insert("second");
        plans.release(first);
        assert_eq!(plans.get(first).unwrap_err().code, Code::Internal);
        assert_eq!(*plans.get(second).unwrap(), "second");
        assert_eq!(plans.insert("third"), first);
        plans.release(7);
        assert_eq!(plans.insert("fourth"), 2);
    }
}
