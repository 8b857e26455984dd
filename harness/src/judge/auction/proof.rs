//! That the judge can fail: stories of runs, told step by step, and every way in which one can go wrong.

pub(in crate::judge) mod content;
mod mutants;
pub(crate) mod story;
