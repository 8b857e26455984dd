//! Many runs: the stories that are written down, and those that are drawn.

pub mod campaign;
pub mod control;
pub mod evidence;
pub mod fit;
pub mod property;
pub mod red;
pub mod shrink;
pub mod soak;
pub mod stage;
pub mod suite;
pub mod sweep;
pub mod told;
pub mod zoo;
