// The two agents, one for each instance, whose conversation is the hand-over: the operator tells the active one's agent to fail
// over; it transfers its state to the other's, halts receipt, and tells the other to activate; the other begins receipt and
// acknowledges. Every message is on record.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "upgrade/summary.h"

namespace hitless::upgrade {

enum class Verb { failover, transfer, halt, activate };

class Agent {
  public:
    // Takes note of each message; must not block.
    using Record = std::function<void(MessageRecord)>;
    // What an agent does when it is told so. What it returns goes into its acknowledgement.
    using Act = std::function<Result<std::string>()>;

    Agent(std::string name, Record record) : name_(std::move(name)), record_(std::move(record)) {}

    const std::string& name() const { return name_; }
    void on(Verb verb, Act act) { acts_[verb] = std::move(act); }

    // Tells 'receiver' to do 'verb' and waits for its acknowledgement. The receiver's failure is an Error.
    Status tell(Agent& receiver, Verb verb, const std::string& detail) const;

  private:
    std::string name_;
    Record record_;
    std::map<Verb, Act> acts_;
};

std::string_view to_string(Verb verb);

}  // namespace hitless::upgrade
