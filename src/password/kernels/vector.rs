//! What the mixing needs of a register: the few operations in which instruction sets differ.

/// Where the lanes of one register have their memory; a register of `LANES` uses the first ones.
pub type Lanes = [*mut u32; MAX_LANES];

/// Of the widest register there is, 512 bits.
pub const MAX_LANES: usize = 4;

/// A register in which each lane of 128 bits, four words, belongs to a hash of its own.
///
/// A value is made only by the `unsafe` functions, whose caller vouches for the CPU; so whoever
/// has a value has the instructions for it, and the other operations are safe.
pub trait Vector: Copy {
    /// Hashes side by side in one register, at most [`MAX_LANES`].
    const LANES: usize;
    /// Words in one register.
    const WORDS: usize = 4 * Self::LANES;

    /// Takes each lane's four words from `offset` words into its own memory.
    ///
    /// # Safety
    /// The CPU has the instruction set, and the words are there, 16 bytes aligned.
    unsafe fn gather(lanes: &Lanes, offset: usize) -> Self;

    /// The reverse of [`gather`](Self::gather).
    ///
    /// # Safety
    /// The memory is there, 16 bytes aligned, and nobody else's.
    unsafe fn scatter(self, lanes: &Lanes, offset: usize);

    /// All lanes from one place.
    ///
    /// # Safety
    /// The CPU has the instruction set, and `WORDS` words are there, aligned to their size.
    unsafe fn load(from: *const u32) -> Self;

    /// The reverse of [`load`](Self::load).
    ///
    /// # Safety
    /// The memory is there, aligned to the register's size, and nobody else's.
    unsafe fn store(self, to: *mut u32);

    /// Word by word, wrapping.
    fn add(self, other: Self) -> Self;

    fn xor(self, other: Self) -> Self;

    /// `self ^ rotate_left(other, LEFT)` word by word. `RIGHT` is `32 - LEFT`, which stable Rust
    /// cannot derive.
    fn xor_rotated<const LEFT: i32, const RIGHT: i32>(self, other: Self) -> Self;

    /// Turns the words within each lane: word `i` becomes what word `(i + BY) % 4` was.
    fn turn<const BY: usize>(self) -> Self;

    /// Asks for the cache line to be brought near; only a hint, for any address.
    fn prefetch(at: *const u32);
}
