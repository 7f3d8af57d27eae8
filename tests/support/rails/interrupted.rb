# frozen_string_literal: true

# Interrupts pages of one user at random moments and looks at whose session the pages after them get:
#
#   ruby interrupted.rb CLIENT.rb SEED INTERLEAVINGS [tls]
#
# Prints what it did as JSON, and ends with the first page that got what was not its own.
# Nothing in it waits for a while: the API holds its answer until the page is gone, or the next one asks.

require "rails"
require "rack/mock"
require "timeout"
require_relative "slow_api"

client, seed, interleavings, tls = ARGV
API = SlowApi.new(tls: tls == "tls")
OpenSSL::SSL::SSLContext::DEFAULT_CERT_STORE.add_cert(API.certificate) if tls
require File.expand_path(client)

KEY = "__Host-session"
APP = lambda do |env|
  session = env["rack.session"]
  case env["PATH_INFO"]
  when "/look" then session["user"]
  when "/put" then session["n"] = env["QUERY_STRING"]
  when "/begin" then session["user"] = env["QUERY_STRING"]
  when "/renew" then session["user"] && env["rack.session.options"][:renew] = true
  when "/end" then session.destroy
  end
  [200, {}, [JSON.generate(session.to_hash)]]
end
Credentials = Struct.new(:credentials)
SIGNER = Credentials.new(Aws::Sigv4::Credentials.new(access_key_id: "AKIDEXAMPLE", secret_access_key: "none"))
STORE = ActionDispatch::Session::DynamoStore.new(
  APP, url: API.url, region: "eu-central-1", credentials: SIGNER, timeout: Integer(ENV.fetch("TIMEOUT", "60"))
)
PAGES = ActionDispatch::Cookies.new(STORE)
CALLS = { "look" => 1, "put" => 2, "begin" => 1, "renew" => 2, "end" => 2 }.freeze

# A page got what is not its own, or failed though nobody interrupted it.
class Stray < StandardError; end
class Failed < StandardError; end

# What is thrown into a page from outside: a bug of the application's, and what no rescue without a class sees.
class Interruption < StandardError; end
class HardInterruption < Exception; end # rubocop:disable Lint/InheritException

# Raises nothing where it arrives: throws, as Timeout did until Ruby 3.1.
class Thrower < StandardError
  def initialize(thread)
    super("")
    @thread = thread
  end

  def exception(*) = Thread.current.equal?(@thread) ? throw(:left) : self
end

def begun(user) = [user, API.begin_session({ "user" => user })]

# Serves a page and holds it against whose it is.
def page(kind, user, token, query = "")
  query = user if kind == "begin"
  env = Rack::MockRequest.env_for("https://shop.example/#{kind}?#{query}")
  env["HTTP_COOKIE"] = "#{KEY}=#{token}" unless kind == "begin"
  _, headers, body = PAGES.call(env)
  shown = JSON.parse(body.first)
  told = headers["Set-Cookie"].to_s[/#{KEY}=(sjn_[^;]+)/, 1]
  owners = [kind == "end" ? user : shown["user"], *(told && API.owner_of(told))]
  raise Stray, "#{kind} of #{user}: #{owners}" unless owners.all?(user) && (!told || API.owner_of(told))

  shown
end

# The same, of a page that nothing interrupts.
def served(kind, user, token, query = "")
  page(kind, user, token, query)
rescue Stray, HardInterruption
  raise
rescue StandardError => e
  raise Failed, "#{kind} of #{user}: #{e.class} #{e.message}"
end

# Interrupts a thread of its own in the middle of a page and goes on with other pages on it.
class Interleaving
  WAYS = %i[raise hard kill throw].freeze
  # What the events of a page's exchanges lie in.
  SOURCES = %r{net/(http|protocol)|socket\.rb|dynamo_store|openssl}.freeze

  def initialize(number, random, lengths)
    @number = number
    @random = random
    @lengths = lengths
    @kind = pick(CALLS.keys)
    @warm = pick([true, true, false])
    @go = Queue.new
    @out = Queue.new
    @reached = Queue.new
    @sent = Queue.new
  end

  # What happened to the page.
  def run
    way = send(pick([:trace] * 4 + [:held] * 4 + %i[double cut close]))
    @victim.join
    raise @error if @error

    @is_whole ? :"#{way}, and the page was served" : way
  end

  private

  def pick(list) = list[@random.rand(list.size)]

  # At an event of the interpreter, counted from the beginning of the page: anywhere, also in what mends.
  def trace
    way = pick(WAYS)
    events = 0
    moment = 1 + @random.rand(@lengths[[@kind, @warm]] ||= length)
    tracing = nil
    victim(
      around: lambda do |serving|
        thread = Thread.current
        tracing = TracePoint.new(:line, :call, :return, :c_call, :c_return) do |event|
          next unless Thread.current.equal?(thread) && SOURCES.match?(event.path)
          next unless (events += 1) == moment

          tracing.disable
          interrupt(way)
        end
        tracing.enable
        serving.call
      ensure
        tracing.disable
      end
    )
    go_on
    :"trace_#{way}"
  end

  # How many events such a page has.
  def length
    events = 0
    user, token = begun("length-#{@number}")
    Thread.new do
      page("look", user, token) if @warm
      thread = Thread.current
      TracePoint.new(:line, :call, :return, :c_call, :c_return) do |event|
        events += 1 if Thread.current.equal?(thread) && SOURCES.match?(event.path)
      end.enable { page(@kind, user, token) }
    end.join
    events
  end

  def interrupt(way)
    case way
    when :raise then raise Interruption
    when :hard then raise HardInterruption
    when :kill then Thread.current.kill
    when :throw then throw :left
    end
  end

  # While the API holds an answer: what is left of it comes when the page is gone, or once the next one asks.
  def held
    way = pick([*WAYS, :timeout])
    later = pick([true, false])
    release = later ? ->(socket) { socket.wait_readable } : ->(_) { @out.pop }
    arm(hold: pick(SlowApi::PHASES), release: release)
    around = way == :timeout ? ->(serving) { Timeout.timeout(0.02) { serving.call } } : lambda(&:call)
    victim(around: around)
    if way != :timeout && @reached.pop
      case way
      when :raise then @victim.raise(Interruption)
      when :hard then @victim.raise(HardInterruption)
      when :kill then @victim.kill
      when :throw then @victim.raise(Thrower.new(@victim))
      end
    end
    go_on(sent: !later)
    :"held_#{way}"
  end

  # Lets the thread go on, with +sent+ when nothing is on its way any more.
  def go_on(sent: false)
    @out.pop
    @sent.pop unless API.straighten || !sent
    @go.push(true)
  end

  # More than was asked for, behind the last answer that the page waits for.
  def double
    how = pick(%i[with later])
    arm(CALLS[@kind] - 1, double: how)
    victim
    go_on(sent: true)
    :"double_#{how}"
  end

  # Less than was promised.
  def cut
    @kind = "look"
    arm(cut: true)
    victim
    go_on
    @victim.join # before anything is made of it: its pages must not meet the next twist
    raise Failed, "cut short: #{@ended.inspect}" unless @ended.is_a?(STORE.class::Unavailable)

    :cut
  end

  # A server that ends a connection between two requests.
  def close
    arm(close: true)
    victim
    go_on(sent: true)
    :close
  end

  def arm(call = @random.rand(CALLS[@kind]), **twist)
    API.twist(skip: (@warm ? 1 : 0) + call, reached: @reached, sent: @sent, **twist)
  end

  def victim(around: lambda(&:call))
    ada, eve, bea = begun("ada-#{@number}"), begun("eve-#{@number}"), begun("bea-#{@number}")
    kinds = Array.new(2) { pick(CALLS.keys) }
    @victim = Thread.new do
      Thread.current.report_on_exception = false
      served("look", *ada) if @warm
      catch(:left) { around.call(-> { page(@kind, *ada) }) && @is_whole = true }
    rescue Stray, Failed => e
      @error = e
    rescue Exception => e # rubocop:disable Lint/RescueException
      @ended = e
    ensure
      [@out, @reached].each(&:close) # from now on, every pop returns
      @go.pop
      serve_others(eve, bea, kinds)
    end
  end

  # The pages of others on the same thread.
  def serve_others(eve, bea, kinds)
    return if @error

    served(kinds[0], *eve)
    served("put", *bea, @number.to_s)
    shown = served("look", *bea)
    raise Stray, "an older answer: #{shown}" unless shown["n"] == @number.to_s

    served(kinds[1], *begun("eva-#{@number}"))
  rescue Stray, Failed => e
    @error = e
  end
end

def last_connection = API.asked.last.connection

# A child asks over a connection of its own, and its parent's is as it was.
def forked(number)
  ada, eve = begun("ada-fork-#{number}"), begun("eve-fork-#{number}")
  served("look", *ada)
  connection = last_connection
  child = fork { exit!(served("look", *eve) ? 0 : 1) }
  raise Failed, "the child" unless Process.wait2(child).last.success?
  raise Stray, "a child asks over its parent's connection" if last_connection == connection

  served("look", *ada)
  raise Failed, "the connection is gone" unless last_connection == connection
end

# A page of ActionController::Live, which copies a thread's locals to its own thread and then runs beside it.
def streamed(number)
  ada, eve = begun("ada-live-#{number}"), begun("eve-live-#{number}")
  served("look", *ada)
  locals = Thread.current.keys.to_h { |key| [key, Thread.current[key]] }
  reached, (reader, writer) = Queue.new, IO.pipe
  API.twist(hold: :before, reached: reached, release: ->(socket) { IO.select([socket, reader]) })
  live = Thread.new do
    Thread.current.report_on_exception = false
    locals.each { |key, value| Thread.current[key] = value }
    served("look", *ada)
  end
  reached.pop
  served("look", *eve)
  writer.close
  live.join
end

lengths = {}
ways = Hash.new(0)
failed = []
stray = nil
interleavings.to_i.times do |number|
  ways[Interleaving.new(number, Random.new(seed.to_i + number), lengths).run] += 1
  next unless (number % 100).zero?

  forked(number)
  streamed(number)
rescue Failed => e
  failed << e.message[0, 200]
rescue Stray => e
  stray = e.message[0, 200]
  break
end
puts JSON.generate(
  "ways" => ways, "failed" => failed.size, "first_failed" => failed.first, "stray" => stray,
  "requests" => API.asked.size, "connections" => API.asked.map(&:connection).uniq.size
)
$stdout.flush
exit!(true) # threads that wait for ever are not waited for
