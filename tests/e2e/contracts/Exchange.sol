// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface IMoney {
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
    function balanceOf(address owner) external view returns (uint256);
}

interface IBuyer {
    function pay() external;
}

// The chain's coin as a token: no Transfer where it is made or given back, as with WETH9.
contract Wrapped {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Deposit(address indexed dst, uint256 wad);
    event Withdrawal(address indexed src, uint256 wad);

    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function deposit() external payable {
        balanceOf[msg.sender] += msg.value;
        emit Deposit(msg.sender, msg.value);
    }

    function withdraw(uint256 value) external {
        balanceOf[msg.sender] -= value;
        (bool ok, ) = msg.sender.call{value: value}("");
        require(ok);
        emit Withdrawal(msg.sender, value);
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        return move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        return move(from, to, value);
    }

    function move(address from, address to, uint256 value) internal returns (bool) {
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
        return true;
    }
}

// A pool with the events of Uniswap v2, at any price. Anybody may take liquidity out, of which there is no event.
contract Pair {
    event Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out, address indexed to);

    IMoney public immutable token0;
    IMoney public immutable token1;
    uint256 public reserve0;
    uint256 public reserve1;

    constructor(IMoney a, IMoney b) {
        (token0, token1) = (a, b);
    }

    function sync() public {
        (reserve0, reserve1) = (token0.balanceOf(address(this)), token1.balanceOf(address(this)));
    }

    function swap(uint256 out0, uint256 out1, address to, bool later) external {
        if (out0 > 0) token0.transfer(to, out0);
        if (out1 > 0) token1.transfer(to, out1);
        if (later) IBuyer(msg.sender).pay();
        uint256 in0 = token0.balanceOf(address(this)) + out0 - reserve0;
        uint256 in1 = token1.balanceOf(address(this)) + out1 - reserve1;
        sync();
        require(in0 + in1 > 0);
        emit Swap(msg.sender, in0, in1, out0, out1, to);
    }

    function take(IMoney token, address to, uint256 value) external {
        token.transfer(to, value);
        sync();
    }
}

contract Router is IBuyer {
    Wrapped public immutable wrapped;
    address private payer;
    address private seller;
    IMoney private money;
    uint256 private price;

    constructor(Wrapped w) {
        wrapped = w;
    }

    receive() external payable {}

    function send(address to, uint256 value) internal {
        (bool ok, ) = to.call{value: value}("");
        require(ok);
    }

    function swapTokens(Pair pair, IMoney token, uint256 value, uint256 out0, uint256 out1, address to) public {
        token.transferFrom(msg.sender, address(pair), value);
        pair.swap(out0, out1, to, false);
    }

    function swapCoin(Pair pair, uint256 value, uint256 out0, uint256 out1, address to) external payable {
        wrapped.deposit{value: value}();
        wrapped.transfer(address(pair), value);
        pair.swap(out0, out1, to, false);
        if (msg.value > value) send(msg.sender, msg.value - value);
    }

    function swapToCoin(Pair pair, IMoney token, uint256 value, uint256 out0, uint256 out1) external {
        swapTokens(pair, token, value, out0, out1, address(this));
        wrapped.withdraw(out0 + out1);
        send(msg.sender, out0 + out1);
    }

    // Both pairs have the wrapped coin as their first token.
    function swapTwice(Pair first, Pair second, IMoney token, uint256 value, uint256 between, uint256 out, address to) external {
        swapTokens(first, token, value, between, 0, address(second));
        second.swap(0, out, to, false);
    }

    function payLater(Pair pair, IMoney token, uint256 value, uint256 out0, uint256 out1) external {
        (payer, seller, money, price) = (msg.sender, address(pair), token, value);
        pair.swap(out0, out1, msg.sender, true);
    }

    function pay() external {
        money.transferFrom(payer, seller, price);
    }

    function payTogether(Pair pair, IMoney token, address other, uint256 each, uint256 out0, uint256 out1) external {
        token.transferFrom(other, address(pair), each);
        swapTokens(pair, token, each, out0, out1, msg.sender);
    }

    function swapAndTake(Pair pair, IMoney token, uint256 value, uint256 out0, IMoney taken, uint256 amount) external {
        swapTokens(pair, token, value, out0, 0, msg.sender);
        pair.take(taken, msg.sender, amount);
    }

    function split(address a, address b) external payable {
        send(a, msg.value / 2);
        send(b, msg.value - msg.value / 2);
    }
}

// Spends what it bought before it pays for it.
contract Spender is IBuyer {
    address private seller;
    IMoney private money;
    IMoney private bought;
    uint256 private price;
    uint256 private spent;
    address private to;

    function spend(Pair pair, IMoney token, uint256 value, IMoney gets, uint256 out1, address friend) external {
        (seller, money, price, bought, spent, to) = (address(pair), token, value, gets, out1, friend);
        pair.swap(0, out1, address(this), true);
    }

    function pay() external {
        bought.transfer(to, spent);
        money.transfer(seller, price);
    }
}
