//! Why a command was refused.
