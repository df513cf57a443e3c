/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The rules, in the order in which they are printed: name in the program, group, text. Each is tried on every bdev, or the
 * check says why it does not apply.
 */

#ifndef BDEVKIT_CHECK_RULES_H
#define BDEVKIT_CHECK_RULES_H

#define CHECK_RULES(RULE) \
	RULE(IO_ENDS, "every I/O", "every I/O that was accepted ends") \
	RULE(IO_ONCE, "every I/O", "an I/O ends once, on its thread, after its submission has returned") \
	RULE(IO_UNTOUCHED, "every I/O", "a write leaves the caller's buffers as they are") \
	RULE(IO_GUARDS, "every I/O", "nothing around the caller's buffers is touched") \
	RULE(IO_FENCES, "every I/O", "nothing beyond the caller's buffers is read or written, by a single byte") \
	RULE(OPEN_AGAIN, "opening", "it can be opened any number of times, for reading and writing") \
	RULE(OPEN_CHANNEL, "opening", "a thread has one channel, whoever asks") \
	RULE(OPEN_CLAIM, "opening", "a claim keeps others from opening it for writing, until its end") \
	RULE(OPEN_READ_ONLY, "opening", "a descriptor for reading does not write") \
	RULE(CLAIM_ONE, "opening", "a claim of one writer keeps other writers out until it is closed") \
	RULE(CLAIM_NONE, "opening", "a claim of readers keeps all writers out until the last is closed") \
	RULE(CLAIM_SHARED, "opening", "a shared claim lets those in who know its key") \
	RULE(SAYS_SAME, "opening", "what it says of itself stays the same while it is registered") \
	RULE(TYPE_WORKS, "types", "every type that it claims works") \
	RULE(TYPE_REFUSED, "types", "every type that it does not claim is refused") \
	RULE(DATA_READ, "data", "a read returns what was written") \
	RULE(DATA_END, "data", "in the end all blocks hold what was written last") \
	RULE(LIMIT_AROUND, "limits", "sizes and offsets around each limit that it states work") \
	RULE(LIMIT_END, "limits", "I/O beyond its end is refused") \
	RULE(LIMIT_NOTHING, "limits", "I/O of 0 blocks changes nothing") \
	RULE(SHAPE_BUFFERS, "shapes", "buffers of any number, length and alignment do") \
	RULE(SHAPE_LENT, "shapes", "a read without a buffer gets one, with what is there") \
	RULE(MEANS_ZEROES, "meaning", "after write_zeroes there are zeroes, and nowhere else") \
	RULE(MEANS_UNMAP, "meaning", "after unmap other blocks are as they were, and all can be read") \
	RULE(MEANS_FLUSH, "meaning", "flush succeeds and changes nothing") \
	RULE(MEANS_COMPARE, "meaning", "compare finds each difference, and none where there is none") \
	RULE(MEANS_COMPARE_WRITE, "meaning", "compare_and_write writes if what is there is equal, else not") \
	RULE(MEANS_COPY, "meaning", "copy makes the one like the other") \
	RULE(SEEK_DATA, "meaning", "seek passes over nothing that was written, and takes none of it for a hole") \
	RULE(SEEK_ZEROES, "meaning", "holes hold zeroes where the bdev says so") \
	RULE(ZCOPY, "zcopy", "zcopy lends what is there, and a commit writes it") \
	RULE(ZCOPY_DROP, "zcopy", "zcopy that is not committed reads, and changes nothing") \
	RULE(ZCOPY_MANY, "zcopy", "several may be lent at once, to all threads") \
	RULE(ZONE_REPORT, "zones", "a report tells of each zone that there is, and of no other") \
	RULE(ZONE_POINTER, "zones", "a zone is written at its write pointer, and nowhere else") \
	RULE(ZONE_EDGE, "zones", "nothing is written or read beyond the capacity of a zone") \
	RULE(ZONE_APPEND, "zones", "an append is told where it is, and is there") \
	RULE(ZONE_STATES, "zones", "opening, closing, finishing and resetting lead from state to state") \
	RULE(ZONE_LIMITS, "zones", "not more zones are open than may be") \
	RULE(MD_WRITE, "metadata", "a write with a wrong guard or tag is refused where the bdev checks it") \
	RULE(MD_READ, "metadata", "a wrong guard or tag is found by the read") \
	RULE(MD_NAMED, "metadata", "a status that names the guard or a tag names the wrong one") \
	RULE(MD_EXCLUDED, "metadata", "what an I/O excludes from checking is not checked") \
	RULE(MD_ALONE, "metadata", "data can be read without metadata that is kept apart") \
	RULE(MD_UNWANTED, "metadata", "a buffer for metadata is refused where none is kept apart") \
	RULE(MD_HIDDEN, "metadata", "who does not see metadata gets the data alone, and what he writes is right") \
	RULE(FAR_DATA, "domains", "data in a memory domain are written and read as any") \
	RULE(FAR_MOVED, "domains", "they are reached by the domain, with its context") \
	RULE(SEQUENCE, "domains", "the accel sequence of an I/O is carried out") \
	RULE(OVERLAP, "order", "each block that is read is whole, of one write at the time or the one before") \
	RULE(OVERLAP_END, "order", "of writes at the same time one is the last, block by block") \
	RULE(ORDER, "order", "a write that has completed is what every thread reads") \
	RULE(CONTEST, "order", "of several that compare and write the same block at once, one succeeds") \
	RULE(STAT_COUNTS, "statistics", "I/Os and bytes are counted once each, by their direction") \
	RULE(LOAD_DATA, "load", "under load each block holds what was written last") \
	RULE(RESET_DATA, "reset", "what was written before a reset or an abort is there after it") \
	RULE(RESET_ABORTS, "reset", "an abort ends, and so does what it aborts") \
	RULE(RESET_ENDS, "reset", "a reset succeeds, and all I/O before it ends") \
	RULE(LATE_TOLD, "timeouts", "I/O that takes longer than asked for is told of, on its thread") \
	RULE(LATE_ONLY, "timeouts", "no other I/O is") \
	RULE(LATE_ENDS, "timeouts", "what was held back ends when it is let go, or by a reset") \
	RULE(SIZE_KEPT, "resize", "it does not become smaller while it is open") \
	RULE(SIZE_GROWS, "resize", "who has it open is told when it grows, and can use it up to its new end") \
	RULE(LEFT_MEMORY, "remains", "opening, using and closing it again does not cost more memory each time") \
	RULE(LEFT_CHANNEL, "remains", "when it is closed no channel is left") \
	RULE(LEFT_BUFFER, "remains", "when it is closed no data buffer is left") \
	RULE(CACHE_FLUSH, "durability", "a bdev with a write cache has flush") \
	RULE(FLUSHED, "durability", "what was flushed is there after a power cut, or what came later") \
	RULE(UNCACHED, "durability", "without a write cache, what was written is there after a power cut") \
	RULE(REMOVE_TOLD, "removal", "who has it open is told once that it is removed") \
	RULE(REMOVE_CLOSED, "removal", "what is being removed cannot be opened") \
	RULE(REMOVE_ENDS, "removal", "all I/O ends before it goes, and none is answered later") \
	RULE(REMOVE_GONE, "removal", "when all have closed it, it goes, and its name is free") \
	RULE(REMOVE_BASE, "removal", "what it stands on goes, too, when it is removed under load") \
	RULE(REMOVE_AGAIN, "removal", "its configuration makes it again, and it works") \
	RULE(STRICT_TWICE, "strict", "no I/O is completed twice") \
	RULE(STRICT_THREAD, "strict", "each I/O is completed on its own thread") \
	RULE(STRICT_NEVER, "strict", "each I/O is completed in time") \
	RULE(STRICT_CHANNEL_GONE, "strict", "no I/O is completed when its channel is gone") \
	RULE(STRICT_BDEV_GONE, "strict", "no I/O is completed when its bdev is gone") \
	RULE(STRICT_STATUS, "strict", "a completion has a status that there is") \
	RULE(STRICT_CTX, "strict", "a module stays within its driver_ctx") \
	RULE(STRICT_IO, "strict", "a module leaves the I/O and its iovecs as they are") \
	RULE(STRICT_DATA, "strict", "a module leaves the data of a write as they are") \
	RULE(STRICT_BDEV, "strict", "a module leaves a registered bdev as it is") \
	RULE(STRICT_CALLER_THREAD, "strict", "I/O to a base is submitted on the thread of its channel") \
	RULE(STRICT_CHANNEL, "strict", "each channel is put in the end") \
	RULE(STRICT_DESCRIPTOR, "strict", "each descriptor is closed in the end") \
	RULE(STRICT_HELD, "strict", "nothing holds its thread for long") \
	RULE(STRICT_ALLOCATED, "strict", "no memory is allocated for each I/O") \
	RULE(STRICT_DEVICE, "strict", "each io_device is unregistered in the end")

#define CHECK_RULE_ID(id, group, text) RULE_##id,
enum check_rule_id {
	CHECK_RULES(CHECK_RULE_ID) CHECK_NUM_RULES
};
#undef CHECK_RULE_ID

#endif /* BDEVKIT_CHECK_RULES_H */
