// The loaded programs of bpf/steer.bpf.c and their maps.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "datapath/bpf/steer.h"
#include "datapath/steering.h"

struct bpf_map;
struct steer_bpf;

namespace hitless::datapath {

class Programs {
  public:
    // Loads them; their maps are pinned in 'directory' (of a bpffs) until unpin().
    static Result<Programs> load(const std::string& directory);
    // Takes over the maps that a process which is gone has pinned in 'directory', with all that is in them, and loads programs that
    // work with them beside its own. On failure they stay as they are.
    static Result<Programs> adopt(const std::string& directory);

    Programs(Programs&&) noexcept;
    Programs& operator=(Programs&&) noexcept;
    ~Programs();

    int port_xdp() const;
    int port_in() const;
    int port_out() const;
    int leg_in() const;
    int tap_in() const;
    int tap_out() const;
    int hold_in() const;
    int hold_out() const;
    int stitch() const;
    int b_in() const;
    int b_out() const;

    // The control word: one store moves all ports. The deadline is written by set_deadline() before a word that needs it.
    uint64_t word() const;
    void set_word(uint64_t word);
    void set_deadline(std::chrono::steady_clock::time_point deadline);

    // Memory for held packets: the limit, and what is taken of it. Both are to be set before a hold.
    void set_hold_memory(uint64_t limit, uint64_t used);
    uint64_t hold_used() const;
    void give_back_hold_memory(uint64_t bytes);

    // Counters of the port with this index; live memory of the kernel.
    steer_counters read_counters(uint32_t index) const;
    uint64_t held(uint32_t index) const;
    void set_released(uint32_t index, uint64_t released);
    void clear_counters(uint32_t index);
    // When the packet with number 'number' (from 0) came into the port's hold.
    std::chrono::steady_clock::time_point arrival(uint32_t index, uint64_t number) const;

    // Each port once, by index.
    std::vector<steer_port> ports() const;
    Status put_port(unsigned ifindex, const steer_port& port);
    void remove_port(unsigned ifindex);
    Status put_stitch(unsigned ifindex, unsigned other_ifindex);
    void remove_stitch(unsigned ifindex);
    bool stitched(unsigned ifindex, unsigned other_ifindex) const;

    std::optional<LearnedTcp> learned(const TcpDirection& direction) const;
    // What passed while STEER_WATCH was set, since it was last removed.
    Result<std::vector<MovedTcp>> moved(bool remove);
    uint64_t changes() const;
    void clear_changes();
    uint64_t to_both() const;
    // The way to a host whose segments were learned, as they came in.
    std::optional<steer_host> host(const std::array<uint8_t, 16>& address) const;
    // Of packets that pass the ports' gates.
    uint32_t mark() const;

    void unpin();

  private:
    struct Destroy {
        void operator()(steer_bpf* skeleton) const;
    };
    // Memory of a map that programs and daemon share.
    struct Unmap {
        size_t size;
        void operator()(void* memory) const;
    };
    template <typename T>
    using Shared = std::unique_ptr<T, Unmap>;

    Programs();
    Status open();
    Status choose_secrets();
    Status load_and_map();
    std::vector<bpf_map*> maps() const;
    Status pin(const std::string& directory);
    Status reuse_pinned(const std::string& directory);
    Status reuse_constants(const std::string& path);

    std::unique_ptr<steer_bpf, Destroy> skeleton_;
    Shared<steer_control> control_{nullptr, Unmap{0}};
    Shared<steer_counters> counters_{nullptr, Unmap{0}};
    Shared<steer_stamps> stamps_{nullptr, Unmap{0}};
    std::vector<std::string> pins_;
};

// Sets the control word of programs that a process which is gone has pinned in 'directory' to 0: everything is A's. No error
// when there are none.
Status give_pinned_to_a(const std::string& directory);

}  // namespace hitless::datapath
