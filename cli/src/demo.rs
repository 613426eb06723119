//! The main job on one machine, with nothing installed.
