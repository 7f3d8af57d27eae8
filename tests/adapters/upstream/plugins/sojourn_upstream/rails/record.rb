# frozen_string_literal: true

# The report of a run, as record.py writes it: a line of JSON for each test in the file that UPSTREAM_REPORT names.

require "json"
require "minitest"

module Minitest
  # Writes what Minitest tells.
  class SojournReporter < AbstractReporter
    def record(result)
      failure = result.failures.first
      why = failure ? "#{failure.error.class}: #{failure.message}".lines.first.strip : ""
      write(test: "#{result.klass}##{result.name}", outcome: outcome_of(result), why: why)
    end

    # Minitest comes here when all tests ran, and not when it was interrupted.
    def report
      write(is_complete: true)
    end

    private

    def outcome_of(result)
      return "passed" if result.passed?

      result.skipped? ? "skipped" : "failed"
    end

    def write(line)
      File.open(ENV.fetch("UPSTREAM_REPORT"), "a") { |report| report.puts(JSON.generate(line)) }
    end
  end

  def self.plugin_sojourn_init(_options)
    reporter << SojournReporter.new
  end

  extensions << "sojourn"
end
