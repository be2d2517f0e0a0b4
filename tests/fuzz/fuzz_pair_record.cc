// What a daemon that was killed has left of a pair may be damaged: refused, or the same once it is written and read again.
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "upgrade/pair_record.h"

namespace {

using namespace hitless;
namespace fs = std::filesystem;

// Gone with the process.
class Directory {
  public:
    Directory() : path_(::mkdtemp(name_)) {}
    ~Directory() { fs::remove_all(path_); }
    fs::path file(const char* name) const { return path_ / name; }

  private:
    char name_[32] = "/tmp/hitless-fuzz.XXXXXX";
    fs::path path_;
};

std::string contents(const fs::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Directory directory;
    const fs::path given = directory.file("given"), again = directory.file("again"), third = directory.file("third");
    std::ofstream(given).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    if (auto record = upgrade::PairRecord::load(given)) {
        if (!record->save(again)) {
            std::abort();
        }
        auto read = upgrade::PairRecord::load(again);
        if (!read || !read->save(third) || contents(again) != contents(third)) {
            std::abort();
        }
    }
    if (auto flows = upgrade::load_flows(given)) {
        auto saved = upgrade::save_flows(again, *flows);
        auto read = upgrade::load_flows(again);
        if (!saved || !read || *read != *flows) {
            std::abort();
        }
    }
    return 0;
}
