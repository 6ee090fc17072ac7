//! This device's home: its members, how devices come in and go, and devices connected without one.

use crate::Core;
use lanyard_api::{ApiError, Device, Founded, HomeState, Invite, Purpose, Role};
use std::sync::Arc;

/// Everything about belonging together.
pub async fn state(_core: &Core) -> HomeState {
    HomeState::default()
}

fn not_yet<T>() -> Result<T, ApiError> {
    Err(ApiError::not_available("A home"))
}

/// Begins a home with this device in it.
///
/// # Errors
/// `in_home`, `invalid`.
pub async fn create(_core: &Arc<Core>, _name: &str) -> Result<Founded, ApiError> {
    not_yet()
}

/// Shows a code.
///
/// # Errors
/// `no_home`, `in_home`, `not_keeper`, `network_public`, `busy`.
pub async fn open_invite(
    _core: &Arc<Core>,
    _purpose: Purpose,
    _role: Role,
    _confirm: bool,
) -> Result<Invite, ApiError> {
    not_yet()
}

/// Shows the code no longer.
///
/// # Errors
/// None at the moment: closing what is closed is no error.
pub async fn close_invite(_core: &Arc<Core>) -> Result<(), ApiError> {
    not_yet()
}

/// Says yes or no to the device that typed the code.
///
/// # Errors
/// `not_found` when nobody waits.
pub async fn answer_invite(_core: &Arc<Core>, _accept: bool) -> Result<(), ApiError> {
    not_yet()
}

/// Types a code that another device shows.
///
/// # Errors
/// `wrong_code`, `code_ended`, `in_home`, `no_home`, `not_keeper`, `peer_unreachable`, `other_version`, `not_allowed`.
pub async fn type_code(
    _core: &Arc<Core>,
    _code: &str,
    _purpose: Purpose,
    _address: Option<String>,
) -> Result<HomeState, ApiError> {
    not_yet()
}

/// Puts a device out.
///
/// # Errors
/// `no_home`, `not_keeper`, `not_found`, `ambiguous`.
pub async fn remove(_core: &Arc<Core>, _device: &str) -> Result<HomeState, ApiError> {
    not_yet()
}

/// Changes what a device may do.
///
/// # Errors
/// `no_home`, `not_keeper`, `not_found`, `ambiguous`.
pub async fn set_role(_core: &Arc<Core>, _device: &str, _role: Role) -> Result<HomeState, ApiError> {
    not_yet()
}

/// Renames the home.
///
/// # Errors
/// `no_home`, `not_keeper`, `invalid`.
pub async fn rename(_core: &Arc<Core>, _name: &str) -> Result<HomeState, ApiError> {
    not_yet()
}

/// Leaves the home.
///
/// # Errors
/// `no_home`.
pub async fn leave(_core: &Arc<Core>) -> Result<HomeState, ApiError> {
    not_yet()
}

/// Uses the recovery code.
///
/// # Errors
/// `no_home`, `wrong_code`, `not_found`.
pub async fn recover(_core: &Arc<Core>, _code: &str, _remove: Option<String>) -> Result<HomeState, ApiError> {
    not_yet()
}

/// Disconnects a paired device.
///
/// # Errors
/// `not_found`.
pub async fn forget_paired(_core: &Arc<Core>, _device: &str) -> Result<HomeState, ApiError> {
    not_yet()
}

/// Reaches a device at a typed address.
///
/// # Errors
/// `invalid`, `peer_unreachable`.
pub async fn connect(_core: &Arc<Core>, _address: &str) -> Result<Device, ApiError> {
    not_yet()
}

/// Wakes a device of the home.
///
/// # Errors
/// `no_home`, `not_found`, `not_available` when it told no way to wake it.
pub async fn wake(_core: &Arc<Core>, _device: &str) -> Result<(), ApiError> {
    not_yet()
}
