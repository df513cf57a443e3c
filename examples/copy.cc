/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * C++: copies one disk to another, with a window of requests under way, each of which first reads and then writes.
 *
 *	copy CONFIG FROM TO
 */

#include <bdevkit/embed.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace
{

void
check(const char *what, int rc)
{
	if (rc != 0) {
		throw std::runtime_error(std::string(what) + ": " + std::strerror(-rc));
	}
}

/* The layer runs as long as it lives. */
class Layer
{
      public:
	explicit Layer(const char *config)
	{
		bdk_embed_opts opts;

		bdk_embed_opts_init(&opts, sizeof(opts));
		opts.name = "copy";
		opts.config_file = config;
		check("start", bdk_embed_start(&opts));
	}
	~Layer()
	{
		bdk_embed_stop();
	}
	Layer(const Layer &) = delete;
	Layer &operator=(const Layer &) = delete;
};

/* A disk with a queue. */
class Disk
{
      public:
	Disk(const char *name, bool write)
	{
		check(name, bdk_disk_open(name, write, &disk_));
		int rc = bdk_queue_create(disk_, 0, &queue_);

		if (rc != 0) {
			bdk_disk_close(disk_);
			check(name, rc);
		}
	}
	~Disk()
	{
		bdk_queue_destroy(queue_);
		bdk_disk_close(disk_);
	}
	Disk(const Disk &) = delete;
	Disk &operator=(const Disk &) = delete;

	uint32_t
	block_size() const
	{
		return bdk_disk_get_block_size(disk_);
	}
	uint64_t
	num_blocks() const
	{
		return bdk_disk_get_num_blocks(disk_);
	}
	void
	submit(std::vector<bdk_request *> &requests)
	{
		bdk_queue_submit(queue_, requests.data(), requests.size());
	}

	std::vector<bdk_request *>
	wait(size_t max)
	{
		std::vector<bdk_request *> done(max);

		done.resize(bdk_queue_wait(queue_, done.data(), 1, max, UINT64_MAX));
		for (bdk_request *request : done) {
			check(request->type == SPDK_BDEV_IO_TYPE_READ ? "read" : "write", request->status);
		}
		return done;
	}

      private:
	bdk_disk *disk_ = nullptr;
	bdk_queue *queue_ = nullptr;
};

uint64_t
copy(Disk &from, Disk &to)
{
	const size_t window = 16, piece = 128;
	const uint64_t blocks = from.num_blocks();
	std::vector<char> data(window * piece * from.block_size());
	std::vector<bdk_request> requests(window);
	std::vector<bdk_request *> idle;
	uint64_t next = 0;

	if (to.block_size() != from.block_size() || to.num_blocks() < blocks) {
		throw std::runtime_error("the disks do not fit together");
	}
	for (size_t i = 0; i < window; i++) {
		requests[i] = {};
		requests[i].buf = &data[i * piece * from.block_size()];
		idle.push_back(&requests[i]);
	}
	while (next < blocks) {
		std::vector<bdk_request *> array;

		while (!idle.empty() && next < blocks) {
			bdk_request *request = idle.back();

			idle.pop_back();
			request->type = SPDK_BDEV_IO_TYPE_READ;
			request->offset_blocks = next;
			request->num_blocks = std::min<uint64_t>(piece, blocks - next);
			next += request->num_blocks;
			array.push_back(request);
		}
		size_t reading = array.size(), writing = 0;

		from.submit(array);
		while (reading > 0) {
			array = from.wait(reading);
			reading -= array.size();
			writing += array.size();
			for (bdk_request *request : array) {
				request->type = SPDK_BDEV_IO_TYPE_WRITE;
			}
			to.submit(array);
		}
		while (writing > 0) {
			array = to.wait(writing);
			writing -= array.size();
			idle.insert(idle.end(), array.begin(), array.end());
		}
	}
	return blocks;
}

} /* namespace */

int
main(int argc, char **argv)
{
	if (argc != 4) {
		std::fprintf(stderr, "usage: copy CONFIG FROM TO\n");
		return 2;
	}
	try {
		Layer layer(argv[1]);
		Disk from(argv[2], false), to(argv[3], true);

		std::printf("%llu blocks copied\n", static_cast<unsigned long long>(copy(from, to)));
	} catch (const std::exception &error) {
		std::fprintf(stderr, "copy: %s\n", error.what());
		return 1;
	}
	return 0;
}
