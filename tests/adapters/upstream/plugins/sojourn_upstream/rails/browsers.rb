# frozen_string_literal: true

# Rails' tests look for the drivers of browsers when they are loaded, with a newer Selenium than Debian has beside
# that Rails. None of those that run here opens a browser.

require "selenium-webdriver"

module Selenium
  module WebDriver
    unless const_defined?(:DriverFinder)
      # Finds none.
      module DriverFinder
        def self.path(*)
          nil
        end
      end
    end
  end
end
