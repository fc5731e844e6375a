//! The memory of lanes: large, aligned, reused, and wiped before it is given back.

use std::alloc::{Layout, alloc, dealloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;

use zeroize::{DefaultIsZeroes, Zeroize};

/// Words in a block.
pub const WORDS: usize = 16;

/// 64 bytes, Salsa20's unit and a cache line, so aligned that every register's loads are.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct Block(pub [u32; WORDS]);

impl DefaultIsZeroes for Block {}

/// Of a huge page on x86-64 and of most on arm64.
const ALIGN: usize = 2 << 20;

/// One lane's V. Reused from hash to hash as it is; zero when it is given back.
pub struct Arena {
    start: NonNull<Block>,
    layout: Layout,
}

// SAFETY: it owns its memory, as a `Box<[Block]>` would.
unsafe impl Send for Arena {}

impl Arena {
    /// `None` where the system has no memory, or for no blocks at all.
    pub fn new(blocks: usize) -> Option<Self> {
        let layout = Layout::array::<Block>(blocks).ok()?.align_to(ALIGN).ok()?;
        if layout.size() == 0 {
            return None;
        }
        // SAFETY: the layout is not of size zero.
        let start: NonNull<Block> = NonNull::new(unsafe { alloc(layout) })?.cast();
        ask_for_huge_pages(start, layout.size());
        // SAFETY: all of the new memory, and nothing beyond. To zero it makes slices of it sound.
        unsafe { start.write_bytes(0, blocks) };
        Some(Self { start, layout })
    }
}

impl Deref for Arena {
    type Target = [Block];

    fn deref(&self) -> &[Block] {
        // SAFETY: the memory is this arena's own, and was initialised when it was made.
        unsafe {
            slice::from_raw_parts(self.start.as_ptr(), self.layout.size() / size_of::<Block>())
        }
    }
}

impl DerefMut for Arena {
    fn deref_mut(&mut self) -> &mut [Block] {
        // SAFETY: as of `deref`, and borrowed exclusively.
        unsafe {
            slice::from_raw_parts_mut(self.start.as_ptr(), self.layout.size() / size_of::<Block>())
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.zeroize();
        // SAFETY: allocated with this layout, and not referred to any more.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) };
    }
}

/// With pages of 4 KiB nearly every look-up in V would also miss the TLB. Where the system has no
/// huge pages to give, it is only slower.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages(start: NonNull<Block>, size: usize) {
    // SAFETY: advice about memory that the caller has just been given; it changes no content.
    unsafe { libc::madvise(start.as_ptr().cast(), size, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_: NonNull<Block>, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arena_is_zero_aligned_and_writable_to_its_end() {
        let mut arena = Arena::new(12_345).expect("memory");
        assert_eq!(arena.len(), 12_345);
        assert_eq!(arena.as_ptr() as usize % ALIGN, 0);
        for block in arena.iter_mut() {
            assert_eq!(block.0, [0; WORDS]);
            block.0 = [u32::MAX; WORDS];
        }
        arena.zeroize();
        assert!(arena.iter().all(|block| block.0 == [0; WORDS]));
    }

    #[test]
    fn what_no_machine_has_is_none_and_not_an_abort() {
        assert!(Arena::new(0).is_none());
        assert!(Arena::new(usize::MAX).is_none());
        assert!(Arena::new(isize::MAX as usize / size_of::<Block>() - ALIGN).is_none());
    }
}
