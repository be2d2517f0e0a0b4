// Which files with counters are kept.
#include "upgrade/counters.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

namespace hitless::upgrade {
namespace {

namespace fs = std::filesystem;
using testing::UnorderedElementsAre;

class Counters : public testing::Test {
  protected:
    ~Counters() override { fs::remove_all(directory_); }

    static fs::path make_directory() {
        std::string name = fs::temp_directory_path() / "counters-XXXXXX";
        return ::mkdtemp(name.data());
    }
    void add(const std::string& name, size_t bytes) { std::ofstream(directory_ / name) << std::string(bytes, 'x'); }
    std::vector<std::string> names() {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(directory_)) {
            names.push_back(entry.path().filename());
        }
        return names;
    }

    const fs::path directory_ = make_directory();
};

TEST_F(Counters, GoWithTheirOperation) {
    add(counters_file(9, Side::A), 10);
    add(counters_file(9, Side::B), 10);
    add(counters_file(10, Side::A), 10);
    prune_counters(directory_, 10, 1000);
    EXPECT_THAT(names(), UnorderedElementsAre("10-A.txt.gz"));
}

TEST_F(Counters, OfTheOldestGoWhereTheyTakeTooMuchRoom) {
    for (uint64_t operation : {9, 10, 11}) {   // by number, and not by the alphabet
        add(counters_file(operation, Side::A), 100);
    }
    prune_counters(directory_, 0, 300);
    EXPECT_THAT(names(), UnorderedElementsAre("9-A.txt.gz", "10-A.txt.gz", "11-A.txt.gz"));
    prune_counters(directory_, 0, 299);
    EXPECT_THAT(names(), UnorderedElementsAre("10-A.txt.gz", "11-A.txt.gz"));
    prune_counters(directory_, 0, 0);
    EXPECT_THAT(names(), UnorderedElementsAre());
}

TEST_F(Counters, FilesOfOthersStay) {
    add("1-A.txt.gz.copy", 100);
    add("notes", 100);
    add("1-C.txt.gz", 100);
    prune_counters(directory_, 100, 0);
    EXPECT_EQ(names().size(), 3u);
}

}  // namespace
}  // namespace hitless::upgrade
