# frozen_string_literal: true

# In the place of the gem of this name, without which Rails' tests of its MemCacheStore are not there.
module Dalli
  class DalliError < RuntimeError; end
  class RingError < DalliError; end

  # A server that is there: the store under test is ours, and asks none.
  class Client
    def initialize(servers)
      @servers = servers
    end

    def stats
      { @servers => {} }
    end
  end
end
