# frozen_string_literal: true

# Our store in the place of those that Rails' tests name.

require "logger" # which ActiveSupport 6.1 takes for granted
require "active_support"
require "action_dispatch"
require ENV.fetch("RAILS_CLIENT")

$LOAD_PATH.unshift("#{__dir__}/gems") # Rails has no tests of its MemCacheStore without its gem

module SojournUpstream
  # Over plain HTTP, as the tests are; what only the other stores take is not for ours.
  class Store < ActionDispatch::Session::DynamoStore
    THEIRS = %i[cache memcache_server namespace socket_timeout].freeze

    def initialize(app, options = {})
      super(app, { secure: false }.merge(options.except(*THEIRS)))
    end
  end
end

%i[CacheStore CookieStore MemCacheStore].each do |name|
  ActionDispatch::Session.send(:remove_const, name) # the autoload
  ActionDispatch::Session.const_set(name, SojournUpstream::Store)
end
